import { readFile } from 'node:fs/promises';
import { isRegistry } from '../content/reference.js';
import { readFailure } from '../disk/region.js';
import { LadingError } from '../errors.js';
import { type OnCopyEvent, warningsTo } from '../events.js';
import { readVersion } from '../program.js';
import type { S3Options } from '../s3/options.js';
import { createCredentialProvider } from './auth/credentials.js';
import { type RunCredentials, scopeCredentials } from './auth/run-credentials.js';
import { type CredentialProvider, createRegistryClient, type RegistryClient } from './client.js';
import { loadRegistriesConf, type RegistriesPlaces } from './configuration/registries-files.js';
import { wait } from './http/abort.js';
import type { AnsweredRequest } from './http/answered-request.js';
import type { ByteRate } from './http/byte-rate.js';
import type { PullClock, PullLimits } from './http/pull-limits.js';
import type { OwnTLS } from './http/tls.js';
import { canonicalRegistry } from './origin.js';

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
  /** `HOST[:PORT]` → settings for this registry alone. */
  registries?: Record<string, RegistrySettings> | undefined;
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
  /** How buckets (`s3://…`) are reached and written. */
  s3?: S3Options | undefined;
  /** Wait where a registry has no pulls left, up to a day; default false: its refusal is an error. */
  waitForPulls?: boolean | PullClock | undefined;
  /** Called for each request that a registry or a mirror has answered. */
  onRequest?: ((request: AnsweredRequest) => void) | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** Settings for one registry, which take precedence over those for all. */
export interface RegistrySettings {
  /** PEM file with an authority that signed this registry's certificate. */
  caFile?: string | undefined;
  /** PEM file of the certificate that is shown to this registry alone. `keyFile` has its key. */
  certFile?: string | undefined;
  keyFile?: string | undefined;
  /** Whether to verify its certificate. */
  tlsVerify?: boolean | undefined;
  /** Whether to use http. */
  plainHTTP?: boolean | undefined;
  /** The only file in which to look for its login. */
  authFile?: string | undefined;
  /** The only place to ask for its login: the suffix of the program `docker-credential-SUFFIX`. */
  credentialHelper?: string | undefined;
  /** Mirrors to ask before it, as `HOST[:PORT][/PATH]`, in this order. */
  mirrors?: readonly string[] | undefined;
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
  const own = byName(options.registries ?? {});
  const warn = warningsTo(onEvent);
  const { ca, cert, key } = await readCertificates(options);
  return createRegistryClient({
    version: readVersion(),
    credentials:
      provider ??
      createCredentialProvider({
        explicit: scopeCredentials(options.credentials, registries),
        authFile: options.authFile,
        registries: own,
        onWarning: warn,
      }),
    ca,
    cert,
    key,
    tlsVerify: options.tlsVerify,
    plainHTTP: (registry) => own[registry]?.plainHTTP ?? options.plainHTTP ?? false,
    ownOf: ownTLS(own),
    mirrors: { ...mirrorsOf(own), ...options.mirrors },
    registriesConf:
      options.registriesConf === false ? undefined : await loadRegistriesConf(options.registriesConf),
    privateAddresses: options.privateAddresses,
    concurrency: options.concurrency,
    limitRate: options.limitRate,
    retries: options.retries,
    stallTimeoutMs: options.stallTimeoutMs,
    onWarning: warn,
    onRetry: ({ url, ...retry }) => onEvent?.({ type: 'retrying', what: url, ...retry }),
    onRequest: options.onRequest,
    pulls: options.waitForPulls ? await pacedPulls(options.waitForPulls, onEvent) : undefined,
    onRateLimit: (limit) => onEvent?.({ type: 'limited', ...limit }),
    onPace: (pace) => onEvent?.({ type: 'paced', ...pace }),
  });
}

/** Reads the files of an authority and of a client's certificate. */
export async function readCertificates({
  caFile,
  certFile,
  keyFile,
}: Pick<ConnectionOptions, 'caFile' | 'certFile' | 'keyFile'>): Promise<Pick<OwnTLS, 'ca' | 'cert' | 'key'>> {
  const [ca, cert, key] = await Promise.all([readAuthority(caFile), readPEM(certFile), readPEM(keyFile)]);
  return { ca, cert, key };
}

/** Few runs wait. */
async function pacedPulls(clock: true | PullClock, onEvent: OnCopyEvent | undefined): Promise<PullLimits> {
  const { PullLimits } = await import('./http/pull-limits.js');
  return new PullLimits({
    wait,
    ...(clock !== true && clock),
    onPause: (pause) => onEvent?.({ type: 'pausing', ...pause }),
  });
}

/** Names registries as references do. Throws `USAGE` for what is no registry. */
function byName(registries: Record<string, RegistrySettings>): Record<string, RegistrySettings> {
  for (const name of Object.keys(registries))
    if (!isRegistry(name))
      throw new LadingError('USAGE', `"${name}" is not a registry`, { hint: 'A registry is HOST[:PORT].' });
  return Object.fromEntries(
    Object.entries(registries).map(([name, settings]) => [canonicalRegistry(name), settings]),
  );
}

/** Reads the files of a registry when it is first contacted: those of other registries need not be there. */
function ownTLS(registries: Record<string, RegistrySettings>) {
  const known = new Map<string, Promise<OwnTLS>>();
  return async (registry: string): Promise<OwnTLS | undefined> => {
    const { caFile, certFile, keyFile, tlsVerify } = registries[registry] ?? {};
    if ([caFile, certFile, keyFile, tlsVerify].every((value) => value === undefined)) return undefined;
    const read = known.get(registry) ?? readTLS({ caFile, certFile, keyFile, tlsVerify });
    known.set(registry, read);
    return read;
  };
}

async function readTLS({ caFile, certFile, keyFile, tlsVerify }: RegistrySettings): Promise<OwnTLS> {
  return { ...(await readCertificates({ caFile, certFile, keyFile })), tlsVerify };
}

function mirrorsOf(registries: Record<string, RegistrySettings>): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(registries).flatMap(([name, { mirrors }]) =>
      mirrors === undefined ? [] : [[name, mirrors]],
    ),
  );
}

async function readAuthority(path: string | undefined): Promise<string | undefined> {
  const ca = await readPEM(path);
  // Node.js would ignore such a file, and the server's authority would be reported as unknown.
  if (ca !== undefined && !ca.includes('-----BEGIN'))
    throw new LadingError('USAGE', `${path} does not contain a certificate in PEM format`, {
      hint: 'To convert a certificate from DER, run openssl x509 -inform der -in FILE -out FILE.pem.',
    });
  return ca;
}

async function readPEM(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw readFailure(path, error);
  }
}
