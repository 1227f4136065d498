import { readFile } from 'node:fs/promises';
import { LadingError, messageOf, systemCode } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { readVersion } from '../version.js';
import { createCredentialProvider } from './auth/credentials.js';
import { type RunCredentials, scopeCredentials } from './auth/run-credentials.js';
import { type CredentialProvider, createRegistryClient, type RegistryClient } from './client.js';
import { loadRegistriesConf, type RegistriesPlaces } from './configuration/registries-files.js';
import type { ByteRate } from './http/byte-rate.js';

/** Options for connections to registries and for logins. */
export interface ConnectionOptions {
  /** A file of credentials in docker's or podman's format, used instead of all other places. */
  authFile?: string | undefined;
  /** Logins for this run, each for one registry; they take precedence over every file. */
  credentials?: RunCredentials | readonly RunCredentials[] | undefined;
  /** Whether to verify certificates; default true. */
  tlsVerify?: boolean | undefined;
  /** PEM file with the authority that signed the registries' certificates. */
  caFile?: string | undefined;
  /** PEM file of the client's certificate. `keyFile` has its key, unless one file contains both. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
  /** Use http for every registry; default: only on loopback, if the registry does not speak TLS. */
  plainHTTP?: boolean | undefined;
  /** Registry → mirrors to ask before it, as `HOST[:PORT][/PATH]`, in this order. */
  mirrors?: Record<string, string[]> | undefined;
  /** Where to look for `registries.conf`; default: the usual places; false: nowhere. */
  registriesConf?: RegistriesPlaces | false | undefined;
  /** Whether registries may name token services and upload URLs at addresses of private networks; default false. */
  privateAddresses?: boolean | undefined;
  /** Whether to read by the v1 protocol of Docker before 1.6; default: only from registries without its successor. */
  v1?: boolean | undefined;
  /** Number of concurrent requests and blobs; default 8. */
  concurrency?: number | undefined;
  /**
   * Bytes a second of all connections of an operation together, uploads and downloads, from 1024; default unlimited.
   * Operations that get the same `ByteRate` share it.
   */
  limitRate?: number | ByteRate | undefined;
  /** Number of retries; default 5. */
  retries?: number | undefined;
  /** How long a server may be silent before the request fails; default 60 s. */
  stallTimeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** Combines an operation's own options with those of its connections; a name that both have is a compile error. */
export type WithConnection<Own> = keyof Own & keyof ConnectionOptions extends never
  ? ConnectionOptions & Own
  : never;

/**
 * Creates a client for `registries`, which are all those of one run or of one side of a copy; connections, tokens and
 * credentials are shared. A login without a registry is for the only one of `registries`. If `provider` is given, it
 * replaces all places where credentials may be. Throws `USAGE`, `NOT_FOUND` or `IO` for certificate files that cannot
 * be used.
 */
export async function connect(
  options: ConnectionOptions,
  registries: readonly string[],
  provider?: CredentialProvider,
): Promise<RegistryClient> {
  const { onEvent } = options;
  const warn = (message: string): void => onEvent?.({ type: 'warning', message });
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPEM));
  // Node.js would ignore such a file, and the server's authority would be reported as unknown.
  if (ca !== undefined && !ca.includes('-----BEGIN'))
    throw new LadingError('USAGE', `${options.caFile} does not contain a certificate in PEM format`, {
      hint: 'To convert a certificate from DER, run openssl x509 -inform der -in FILE -out FILE.pem.',
    });
  return createRegistryClient({
    version: readVersion(),
    credentials:
      provider ??
      createCredentialProvider({
        explicit: scopeCredentials(options.credentials, registries),
        authFile: options.authFile,
        onWarning: warn,
      }),
    ca,
    cert,
    key,
    tlsVerify: options.tlsVerify,
    plainHTTP: options.plainHTTP,
    mirrors: options.mirrors,
    registriesConf:
      options.registriesConf === false ? undefined : await loadRegistriesConf(options.registriesConf),
    privateAddresses: options.privateAddresses,
    concurrency: options.concurrency,
    limitRate: options.limitRate,
    retries: options.retries,
    stallTimeoutMs: options.stallTimeoutMs,
    onWarning: warn,
    onRetry: ({ url, ...retry }) => onEvent?.({ type: 'retrying', what: url, ...retry }),
    onRateLimit: (limit) => onEvent?.({ type: 'limited', ...limit }),
    onPace: (pace) => onEvent?.({ type: 'paced', ...pace }),
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
