import { readFile } from 'node:fs/promises';
import { LadingError, messageOf, systemCode } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { readVersion } from '../version.js';
import { createCredentialProvider } from './auth/credentials.js';
import { type RunCredentials, scopeCredentials } from './auth/run-credentials.js';
import { type CredentialProvider, createRegistryClient, type RegistryClient } from './client.js';
import { loadRegistriesConf, type RegistriesPlaces } from './configuration/registries-files.js';

/** How registries are reached, and as whom. */
export interface ConnectionOptions {
  /** A file of credentials, in docker's or podman's form, instead of all other places. */
  authFile?: string | undefined;
  /** Logins for this run; they go before every file, each to one registry. */
  credentials?: RunCredentials | readonly RunCredentials[] | undefined;
  /** Check certificates; default true. */
  tlsVerify?: boolean | undefined;
  /** PEM file with the authority that signed the registries' certificates. */
  caFile?: string | undefined;
  /** PEM file of the client's certificate; with `keyFile`, where not one file holds both. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
  /** Speak http to every registry; default only to loopback addresses, where https is refused. */
  plainHTTP?: boolean | undefined;
  /** Registry → places to ask before it, as `HOST[:PORT][/PATH]`, in this order. */
  mirrors?: Record<string, string[]> | undefined;
  /** Where `registries.conf` is looked for; default the usual places, false for none. */
  registriesConf?: RegistriesPlaces | false | undefined;
  /** Registries may name token services and places of uploads at addresses of private networks; default false. */
  privateAddresses?: boolean | undefined;
  /** Read by the v1 protocol of Docker before 1.6; default only from registries that lack its successor. */
  v1?: boolean | undefined;
  /** Requests and blobs under way at once; default 8. */
  concurrency?: number | undefined;
  /** Attempts after the first; default 5. */
  retries?: number | undefined;
  /** How long a server may be silent before it counts as failed; default 60 s. */
  stallTimeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** The options of an operation beside those of its connections: a name that both have does not compile. */
export type WithConnection<Own> = keyof Own & keyof ConnectionOptions extends never
  ? ConnectionOptions & Own
  : never;

/**
 * A client for `registries`, all those of one run or of one side of a copy: its connections, tokens and credentials
 * are shared. A login that names no registry is for the only one of `registries`. `provider` is asked instead of all
 * places where credentials may be.
 */
export async function connect(
  options: ConnectionOptions,
  registries: readonly string[],
  provider?: CredentialProvider,
): Promise<RegistryClient> {
  const { onEvent } = options;
  const warn = (message: string): void => onEvent?.({ type: 'warning', message });
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPEM));
  // Without a certificate in it the file would be passed over, and the authority called unknown.
  if (ca !== undefined && !ca.includes('-----BEGIN'))
    throw new LadingError('USAGE', `${options.caFile} holds no certificate in PEM`, {
      hint: 'Of a certificate in DER, openssl x509 -inform der -in FILE -out FILE.pem makes one in PEM.',
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
    retries: options.retries,
    stallTimeoutMs: options.stallTimeoutMs,
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
