import { readFile } from 'node:fs/promises';
import type { OnCopyEvent } from '../copy/progress.js';
import { LadingError, messageOf, systemCode } from '../errors.js';
import { createRegistryClient, type RegistryClient } from '../registry/client.js';
import { createCredentialProvider } from '../registry/credentials.js';

/** How registries are reached, and as whom. */
export interface ConnectionOptions {
  /** A file of credentials, in docker's or podman's form, instead of all other places. */
  authFile?: string | undefined;
  /** Goes before every file. */
  credentials?: { username: string; password: string } | undefined;
  /** Check certificates; default true. */
  tlsVerify?: boolean | undefined;
  /** PEM file with the authority that signed the registries' certificates. */
  caFile?: string | undefined;
  /** PEM file of the client's certificate; with `keyFile`. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
  /** Speak http to every registry; default only to loopback addresses, where https is refused. */
  plainHTTP?: boolean | undefined;
  /** Registry → registries to ask before it, in this order. */
  mirrors?: Record<string, string[]> | undefined;
  /** Requests and blobs under way at once; default 8. */
  concurrency?: number | undefined;
  /** Attempts after the first; default 5. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** A client for all registries of one run: its connections, tokens and credentials are shared. */
export async function connect(options: ConnectionOptions): Promise<RegistryClient> {
  const { onEvent } = options;
  const warn = (message: string): void => onEvent?.({ type: 'warning', message });
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPEM));
  return createRegistryClient({
    credentials: createCredentialProvider({
      explicit: options.credentials,
      authFile: options.authFile,
      onWarning: warn,
    }),
    ...defined({
      ca,
      cert,
      key,
      tlsVerify: options.tlsVerify,
      plainHTTP: options.plainHTTP,
      mirrors: options.mirrors,
      concurrency: options.concurrency,
      retries: options.retries,
    }),
    onWarning: warn,
    onRetry: ({ url, ...retry }) => onEvent?.({ type: 'retrying', what: url, ...retry }),
    onRateLimit: (limit) => onEvent?.({ type: 'limited', ...limit }),
  });
}

async function readPEM(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new LadingError(
      systemCode(error) === 'ENOENT' ? 'NOT_FOUND' : 'IO',
      `${path} cannot be read: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Without the members that are undefined, for options that know only absence. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>; // what is left has its own type, less undefined
  };
}
