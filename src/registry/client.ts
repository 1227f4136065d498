import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { DEFAULT_RETRIES } from '../retry.js';
import { Authenticator } from './auth/auth.js';
import type { CredentialProvider } from './auth/credential.js';
import { type GetBlobOptions, getBlob, headBlob } from './blobs.js';
import type { RegistriesConf } from './configuration/registries-conf.js';
import { type ForeignOptions, getForeign } from './foreign.js';
import { discard } from './http/body.js';
import type { Lookup } from './http/guest.js';
import type { RateLimit } from './http/headers.js';
import { createRequester, type RetryEvent } from './http/request.js';
import { createSchemes } from './http/scheme.js';
import { createTransport, type TransportOptions } from './http/transport.js';
import { listRepositories, listTags } from './lists.js';
import {
  type FetchedManifest,
  type GetManifestOptions,
  getManifest,
  headManifest,
  type PutManifestResult,
  putManifest,
} from './manifests.js';
import type { MirrorNames } from './mirrors.js';
import { path } from './protocol.js';
import type { DoubtedRanges } from './ranges.js';
import { fetchReferrers, rememberingSupport } from './referrers.js';
import type { CallOptions, RepositoryName } from './repository.js';
import { createUploadLimits } from './upload/limits.js';
import { type MountResult, mountBlob } from './upload/session.js';
import type { OpenBlob } from './upload/source.js';
import { type UploadOptions, uploadBlob } from './upload/upload.js';
import { createV1Client, type V1Client } from './v1/client.js';

export type { CredentialProvider } from './auth/credential.js';
export type { FetchedManifest } from './manifests.js';
export type { CallOptions, RepositoryName } from './repository.js';
export type { MountResult, UploadSession } from './upload/session.js';
export type { OpenBlob } from './upload/source.js';
export type { V1Client, V1ImageAnswer, V1Repository } from './v1/client.js';

export interface RegistryClientOptions extends TransportOptions {
  /** Who the user is at each registry; default anonymous everywhere. */
  credentials?: CredentialProvider | undefined;
  /** Repetitions of a request without a body, before its response; default 5. */
  retries?: number | undefined;
  /** http for every registry. Without it, only a registry on loopback that does not speak TLS gets http. */
  plainHTTP?: boolean | undefined;
  /** Registry → its mirrors, asked in order before the registry itself, each with its own credentials. */
  mirrors?: MirrorNames | undefined;
  /** What `registries.conf` says; default nothing. */
  registriesConf?: RegistriesConf | undefined;
  /** Registries may name token services and places of uploads at addresses of private networks; default false. */
  privateAddresses?: boolean | undefined;
  /** Version in the User-Agent; default none. */
  version?: string | undefined;
  onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Told of each warning of a registry once. */
  onWarning?: ((text: string) => void) | undefined;
  onRateLimit?: ((limit: RateLimit & { registry: string }) => void) | undefined;
  /** Looks up the hosts of urls that strangers give; default the system's. */
  lookup?: Lookup | undefined;
  /** How to pause before a repetition; default a timer. */
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** Milliseconds, for the age of tokens; default `Date.now`. */
  now?: (() => number) | undefined;
}

/** The distribution API, for any number of registries. Nothing it gives is verified. */
export interface RegistryClient {
  /** The same registries by the protocol before this one. */
  readonly v1: V1Client;
  /** Rejects with `NOT_FOUND`, `TOO_LARGE` beyond 4 MiB, `INVALID_MANIFEST` when a web page answers. */
  getManifest(
    name: RepositoryName,
    reference: string,
    options?: GetManifestOptions,
  ): Promise<FetchedManifest>;
  /** What a tag or digest stands for, undefined when there is nothing. */
  headManifest(
    name: RepositoryName,
    reference: string,
    options?: CallOptions,
  ): Promise<{ mediaType: string; digest: Digest; size: number } | undefined>;
  /** The bytes from `start`, whatever the server does with ranges; going on after a failure is the caller's. */
  getBlob(name: RepositoryName, digest: Digest, options?: GetBlobOptions): Promise<Readable>;
  headBlob(
    name: RepositoryName,
    digest: Digest,
    options?: CallOptions & { expected?: number | undefined },
  ): Promise<{ size: number } | undefined>;
  listTags(name: RepositoryName, options?: CallOptions): AsyncIterable<string>;
  listRepositories(registry: string, options?: CallOptions): AsyncIterable<string>;
  /** What a manifest of `registry` has at a URL of its own, asked for without credentials. */
  getForeign(url: string, registry: string, options: ForeignOptions): Promise<Readable>;
  /** Undefined where the registry lacks the referrers API, which is found out once. */
  listReferrers(
    name: RepositoryName,
    subject: Digest,
    options?: CallOptions & { artifactType?: string | undefined },
  ): Promise<Descriptor[] | undefined>;
  /**
   * Asks for a blob of another repository of the same registry. It never rejects because the registry would
   * not do it; an upload that it began instead is to be given to `uploadBlob`.
   */
  mountBlob(
    name: RepositoryName,
    digest: Digest,
    fromRepository: string,
    options?: CallOptions,
  ): Promise<MountResult>;
  /** One try, which goes on from where an earlier one was cut off; repeating it is the caller's. */
  uploadBlob(
    name: RepositoryName,
    descriptor: Descriptor,
    open: OpenBlob,
    options?: UploadOptions,
  ): Promise<void>;
  /** Puts a manifest under a tag or its digest; what it names must be there. */
  putManifest(
    name: RepositoryName,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    options?: CallOptions,
  ): Promise<PutManifestResult>;
  /** Resolves when the registry speaks the API and lets us in. */
  ping(registry: string, options?: CallOptions): Promise<void>;
  /** Ends every connection; what is still under way fails. */
  close(): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const { plainHTTP = false, retries = DEFAULT_RETRIES, onWarning, version } = options;
  const transport = createTransport(options);
  const userAgent = version === undefined ? 'lading' : `lading/${version}`;
  const lifetime = new AbortController();
  setMaxListeners(0, lifetime.signal); // as many as there are token requests under way
  const credentials = options.credentials ?? (async () => undefined);
  const authenticator = new Authenticator({
    transport,
    credentials,
    userAgent,
    plainHTTP,
    privateAddresses: options.privateAddresses,
    now: options.now ?? Date.now,
    signal: lifetime.signal,
  });
  const requester = {
    transport,
    schemes: createSchemes(plainHTTP),
    userAgent,
    retries,
    mirrors: options.mirrors ?? {},
    registriesConf: options.registriesConf,
    privateAddresses: options.privateAddresses,
    lookup: options.lookup,
    wait: options.wait,
    onRetry: options.onRetry,
    onWarning,
    onRateLimit: options.onRateLimit,
  };
  const request = createRequester({ ...requester, authenticator });
  const askReferrers = rememberingSupport();
  const doubtedRanges: DoubtedRanges = new Map();
  const uploadLimits = createUploadLimits();

  return {
    v1: createV1Client({ request, requester, credentials, plainHTTP, onWarning }),
    getManifest: (name, reference, callOptions) => getManifest(request, name, reference, callOptions),
    headManifest: (name, reference, callOptions) => headManifest(request, name, reference, callOptions),
    getBlob: (name, digest, callOptions) => getBlob(request, doubtedRanges, name, digest, callOptions),
    headBlob: (name, digest, callOptions) => headBlob(request, name, digest, callOptions),
    getForeign: (url, registry, callOptions) => getForeign(requester, url, registry, callOptions),
    listTags: (name, callOptions) => listTags(request, name, { ...callOptions, onWarning }),
    listRepositories: (registry, callOptions) =>
      listRepositories(request, registry, { ...callOptions, onWarning }),
    listReferrers: (name, subject, callOptions) =>
      askReferrers(
        name.registry,
        () => fetchReferrers(request, name, subject, { ...callOptions, onWarning }),
        callOptions?.signal,
      ),
    mountBlob: (name, digest, fromRepository, callOptions) =>
      mountBlob(request, name, digest, fromRepository, callOptions),
    uploadBlob: (name, descriptor, open, uploadOptions) =>
      uploadBlob(request, uploadLimits, name, descriptor, open, uploadOptions),
    putManifest: (name, reference, manifest, callOptions) =>
      // It has a body, but one in memory: it can be sent as often as a request without.
      putManifest(request, name, reference, manifest, {
        ...callOptions,
        retries: callOptions?.retries ?? retries,
      }),
    async ping(registry, callOptions = {}) {
      const message = { registry, method: 'GET', target: path.base(), scopes: [], ...callOptions } as const;
      await request({ ...message, what: `registry ${registry}` }, ({ body }) => discard(body));
    },
    async close() {
      lifetime.abort();
      await transport.close();
    },
  };
}
