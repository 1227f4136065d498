/** Limits on what clients may use of a server; those that are not set have a default. */
export interface ServerLimits {
  /** Maximum number of connections; further ones are closed at once. Default 2048. */
  maxConnections?: number | undefined;
  /**
   * Maximum number of concurrent requests; further ones get 503. The same number of pipelined requests may also wait
   * for an earlier one on their connection; beyond that, the connection is closed. Default 1024.
   */
  maxRequests?: number | undefined;
  /** Maximum number of concurrent requests that upload a part of a blob; further ones get 429. Default 64. */
  maxUploads?: number | undefined;
  /**
   * Percentage of the connections, requests, uploads and upload sessions that one client may use: an authenticated
   * user, else an address. Default 50; use 100 if all clients have the same address, as behind a proxy.
   */
  clientShare?: number | undefined;
  /**
   * Maximum number of passwords that wait to be checked, a sixteenth of them from one address; further ones get 429.
   * Default 1024.
   */
  maxPasswordChecks?: number | undefined;
  /**
   * Memory in bytes for bodies that are being sent or received: half of it for the buffers through which files are
   * read, half for answers and pushed manifests of more than 64 KiB that are in memory as a whole. Default 128 MiB.
   */
  maxHeldBytes?: number | undefined;
  /**
   * Maximum size in bytes of a page of tags, repositories or referrers; a Link header leads to the next. Default 1 MiB.
   */
  maxPageBytes?: number | undefined;
  /** Maximum size in bytes of a request's head. Default 16 KiB. */
  maxHeaderBytes?: number | undefined;
  /** Maximum number of characters in path and query. Default 8192. */
  maxTargetLength?: number | undefined;
  /** How long the head of a request may take to arrive as a whole. Default 20 s. */
  headMs?: number | undefined;
  /**
   * How long a connection may be idle while the server waits for the client, between requests or within one. A body
   * that makes progress may take any time. Default 60 s.
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
