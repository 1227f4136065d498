/** How much a client may ask of a server and how slowly; what is left out has its default. */
export interface ServerLimits {
  /** Connections at once; those beyond are closed as they come. Default 2048. */
  maxConnections?: number | undefined;
  /**
   * Requests at once; those beyond get 503. As many may wait besides for an earlier one of their connection; of
   * those beyond the connections are closed. Default 1024.
   */
  maxRequests?: number | undefined;
  /** Requests at once that bring a part of a blob; those beyond get 429. Default 64. */
  maxUploads?: number | undefined;
  /**
   * Percent of the connections, requests, uploads and upload sessions that one client may have: a user who showed the
   * password, else an address. Default 50; 100 where all clients come from one address, as behind a proxy.
   */
  clientShare?: number | undefined;
  /** Passwords that wait to be checked, of one address a sixteenth of them; those beyond get 429. Default 1024. */
  maxPasswordChecks?: number | undefined;
  /**
   * Bytes of memory for bodies on their way: half of them for what files are read through, half for answers and pushed
   * manifests of more than 64 KiB that are in memory as a whole. Default 128 MiB.
   */
  maxHeldBytes?: number | undefined;
  /** Bytes of a page of tags, repositories or referrers; a Link header leads to the next. Default 1 MiB. */
  maxPageBytes?: number | undefined;
  /** Bytes of a request's head. Default 16 KiB. */
  maxHeaderBytes?: number | undefined;
  /** Characters of path and query. Default 8192. */
  maxTargetLength?: number | undefined;
  /** How long the head of a request may take, however it trickles. Default 20 s. */
  headMs?: number | undefined;
  /**
   * How long a connection may stand still, between requests or in the middle of one, while it is the client's
   * turn. A body that moves may take as long as it takes. Default 60 s.
   */
  idleMs?: number | undefined;
}

export type CompleteLimits = { [Name in keyof ServerLimits]-?: number };

export function completeLimits(limits: ServerLimits = {}): CompleteLimits {
  return {
    maxConnections: limits.maxConnections ?? 2048,
    maxRequests: limits.maxRequests ?? 1024,
    maxUploads: limits.maxUploads ?? 64,
    clientShare: limits.clientShare ?? 50,
    maxPasswordChecks: limits.maxPasswordChecks ?? 1024,
    maxHeldBytes: limits.maxHeldBytes ?? 128 * 1024 * 1024,
    maxPageBytes: limits.maxPageBytes ?? 1024 * 1024,
    maxHeaderBytes: limits.maxHeaderBytes ?? 16 * 1024,
    maxTargetLength: limits.maxTargetLength ?? 8192,
    headMs: limits.headMs ?? 20_000,
    idleMs: limits.idleMs ?? 60_000,
  };
}
