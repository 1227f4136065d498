import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { DEFAULT_RETRIES } from '../retry.js';
import { Authenticator } from './auth/auth.js';
import type { CredentialProvider } from './auth/credential.js';
import { type BlobRange, type GetBlobOptions, getBlob, getBlobRange, headBlob } from './blobs.js';
import type { RegistriesConf } from './configuration/registries-conf.js';
import { type ForeignOptions, getForeign } from './foreign.js';
import type { AnsweredRequest } from './http/answered-request.js';
import { discard } from './http/body.js';
import type { Lookup } from './http/guest.js';
import type { RateLimit } from './http/headers.js';
import { Pace, type PaceEvent } from './http/pace.js';
import type { PullLimits } from './http/pull-limits.js';
import { createRequester, type RetryEvent } from './http/request.js';
import { createSchemes, type PlainHTTP } from './http/scheme.js';
import { createTransport, type TransportOptions } from './http/transport.js';
import { listRepositories, listTags } from './lists.js';
import {
  type DescribedManifest,
  type FetchedManifest,
  type GetManifestOptions,
  getManifest,
  headManifest,
  type PutManifestResult,
  peekManifest,
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
  /** Called when a registry gets more or fewer small requests at once. */
  onPace?: ((event: PaceEvent) => void) | undefined;
  /** Finds the user's credential for a registry; default: anonymous everywhere. */
  credentials?: CredentialProvider | undefined;
  /** Retries of a request without a body, before its response; default 5. */
  retries?: number | undefined;
  /**
   * Use http for every registry. Without it, only a registry on loopback that does not speak TLS is contacted over
   * http.
   */
  plainHTTP?: boolean | PlainHTTP | undefined;
  /**
   * Registry → its mirrors, which are asked in this order before the registry itself, each with its own credentials.
   */
  mirrors?: MirrorNames | undefined;
  /** The content of `registries.conf`; default: empty. */
  registriesConf?: RegistriesConf | undefined;
  /** Whether registries may name token services and upload URLs at addresses of private networks; default false. */
  privateAddresses?: boolean | undefined;
  /** Version in the User-Agent; default: no version. */
  version?: string | undefined;
  onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Called once for each different warning of a registry. */
  onWarning?: ((text: string) => void) | undefined;
  onRateLimit?: ((limit: RateLimit & { registry: string }) => void) | undefined;
  /** Called for each request that was answered. */
  onRequest?: ((request: AnsweredRequest) => void) | undefined;
  /** Waits where a registry has no pulls left; default: its refusals are errors. */
  pulls?: PullLimits | undefined;
  /** Resolves the hosts of URLs in images; default: the system's resolver. */
  lookup?: Lookup | undefined;
  /** Waits before a retry; default: a timer. */
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  /** Returns the time in milliseconds, for the age of tokens; default `Date.now`. */
  now?: (() => number) | undefined;
}

/** A client of the distribution API, for any number of registries. It does not verify what it returns. */
export interface RegistryClient {
  /** The same registries by the v1 protocol. */
  readonly v1: V1Client;
  /** Rejects with `NOT_FOUND`, with `TOO_LARGE` beyond 4 MiB, and with `INVALID_MANIFEST` if a web page answers. */
  getManifest(
    name: RepositoryName,
    reference: string,
    options?: GetManifestOptions,
  ): Promise<FetchedManifest>;
  /** Resolves a tag or digest; undefined if it does not exist. */
  headManifest(
    name: RepositoryName,
    reference: string,
    options?: CallOptions,
  ): Promise<DescribedManifest | undefined>;
  /** Resolves a tag or digest by HEAD alone; undefined for everything that HEAD does not say. */
  peekManifest(
    name: RepositoryName,
    reference: string,
    options?: CallOptions,
  ): Promise<DescribedManifest | undefined>;
  /** Returns the bytes from `start`, whether or not the server supports ranges. After a failure, the caller resumes. */
  getBlob(name: RepositoryName, digest: Digest, options?: GetBlobOptions): Promise<Readable>;
  /** Returns a part of a blob, for fetching several parts at once; rejects with `REGISTRY` if the server sends anything else. */
  getBlobRange(name: RepositoryName, digest: Digest, options: BlobRange & CallOptions): Promise<Readable>;
  headBlob(
    name: RepositoryName,
    digest: Digest,
    options?: CallOptions & { expected?: number | undefined },
  ): Promise<{ size: number } | undefined>;
  listTags(name: RepositoryName, options?: CallOptions): AsyncIterable<string>;
  listRepositories(registry: string, options?: CallOptions): AsyncIterable<string>;
  /** Reads a layer from the URL that an image of `registry` gives, without credentials. */
  getForeign(url: string, registry: string, options: ForeignOptions): Promise<Readable>;
  /** Undefined if the registry does not support the referrers API; each registry is asked for that once. */
  listReferrers(
    name: RepositoryName,
    subject: Digest,
    options?: CallOptions & { artifactType?: string | undefined },
  ): Promise<Descriptor[] | undefined>;
  /**
   * Mounts a blob from another repository of the same registry. A refusal does not reject; if the registry starts an
   * upload instead, pass that to `uploadBlob`.
   */
  mountBlob(
    name: RepositoryName,
    digest: Digest,
    fromRepository: string,
    options?: CallOptions,
  ): Promise<MountResult>;
  /** Makes one attempt, which continues an earlier one that was cut off. The caller retries. */
  uploadBlob(
    name: RepositoryName,
    descriptor: Descriptor,
    open: OpenBlob,
    options?: UploadOptions,
  ): Promise<void>;
  /** Pushes a manifest under a tag or its digest; the registry must already have what it names. */
  putManifest(
    name: RepositoryName,
    reference: string,
    manifest: { mediaType: string; bytes: Uint8Array },
    options?: CallOptions,
  ): Promise<PutManifestResult>;
  /** Resolves if the registry supports the API and accepts our credentials. */
  ping(registry: string, options?: CallOptions): Promise<void>;
  /** Closes every connection; requests that are still running fail. */
  close(): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const { plainHTTP: chosen = false, retries = DEFAULT_RETRIES, onWarning, version } = options;
  const plainHTTP = typeof chosen === 'function' ? chosen : () => chosen;
  const transport = createTransport(options);
  const userAgent = version === undefined ? 'lading' : `lading/${version}`;
  const lifetime = new AbortController();
  setMaxListeners(0, lifetime.signal); // one listener for each token request that is running
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
    pace: new Pace({ most: options.concurrency === 1 ? 1 : undefined, onChange: options.onPace }),
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
    onRequest: options.onRequest,
    pulls: options.pulls,
  };
  const request = createRequester({ ...requester, authenticator });
  const askReferrers = rememberingSupport();
  const doubtedRanges: DoubtedRanges = new Map();
  const uploadLimits = createUploadLimits();

  return {
    v1: createV1Client({ request, requester, credentials, plainHTTP, onWarning }),
    getManifest: (name, reference, callOptions) => getManifest(request, name, reference, callOptions),
    headManifest: (name, reference, callOptions) => headManifest(request, name, reference, callOptions),
    peekManifest: (name, reference, callOptions) => peekManifest(request, name, reference, callOptions),
    getBlob: (name, digest, callOptions) => getBlob(request, doubtedRanges, name, digest, callOptions),
    getBlobRange: (name, digest, callOptions) => getBlobRange(request, name, digest, callOptions),
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
      // Its body is in memory, so it can be retried like a request without one.
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
