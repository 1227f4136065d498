import { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, isDigest } from '../../content/digest.js';
import { isIndex, isManifest, isSchema1 } from '../../content/media-types.js';
import { referrersTag } from '../../content/names.js';
import { digestMismatch } from '../../content/verify.js';
import { type Advice, ContentError, isLadingError, RegistryError } from '../../errors.js';
import { detectMediaType, manifestDigest, parseManifest, successors } from '../../manifest/manifest.js';
import type { CallOptions, FetchedManifest, RegistryClient, RepositoryName } from '../../registry/client.js';
import { COSIGN_SUFFIXES, subjectOfTag } from '../attached.js';
import type {
  FetchOptions,
  OpenContent,
  PushOptions,
  Referrer,
  SignalOption,
  Store,
  Wanted,
} from '../store.js';
import { BlobPusher } from './remote-blobs.js';
import { ManifestPusher } from './remote-manifests.js';
import type { UploadSessions } from './upload-sessions.js';

const BLOB_MEDIA_TYPE = 'application/octet-stream';
/**
 * In a repository with more tags, cosign's tags are not searched in the list; those of each subject are requested one
 * by one.
 */
const MAX_LISTED_TAGS = 10_000;

export interface RemoteStoreOptions {
  /** Ask mirrors for content of the repository; default false, as needed for pushes. */
  asksMirrors?: boolean | undefined;
  /** Send blobs in chunks of this many bytes; default: each blob in one request, or as the registry requires. */
  chunkBytes?: number | undefined;
  /** Where uploads are remembered for a later run; default nowhere. */
  uploadSessions?: UploadSessions | undefined;
}

/** A repository that can receive blobs with few requests. */
export interface RemoteStore extends Store {
  sizeOf(content: Wanted, options?: AskOptions): Promise<number | undefined>;
  /** Mounts a blob from another repository of the same registry; resolves with false if the registry would not. */
  mount(descriptor: Descriptor, fromRepository: string, options?: AskOptions): Promise<boolean>;
  /**
   * Resolves with true if the repository has a blob that is about to be pushed, with false after beginning its upload,
   * and with undefined if the registry does not support this. A registry that mounts nothing answers false for all
   * blobs.
   */
  begin(descriptor: Descriptor, options?: SignalOption): Promise<boolean | undefined>;
}

/**
 * Returns a repository of a registry. The registry verifies blobs by their digests. `sizeOf` should be called for
 * content before it is pushed. The client is shared, and is not closed with the store.
 */
export function createRemoteStore(
  client: RegistryClient,
  name: RepositoryName,
  options: RemoteStoreOptions = {},
): RemoteStore {
  return new RepositoryStore(client, name, options);
}

/** Options of a request; 0 retries if it is part of something that is repeated as a whole. */
export interface AskOptions extends SignalOption {
  retries?: number | undefined;
}

class RepositoryStore implements RemoteStore {
  readonly location: string;
  readonly isLocal = false;
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #options: RemoteStoreOptions;
  /** Made when something is pushed: a run may read thousands of repositories. */
  #blobPusher: BlobPusher | undefined;
  #manifestPusher: ManifestPusher | undefined;
  /** Manifests that `resolve` received and that were not fetched yet, so that none is requested twice. */
  readonly #received = new Map<Digest, Buffer>();
  readonly #order: CallOptions['order'];
  /** Content that was requested before: a second request means that a mirror may have sent damaged content. */
  readonly #asked = new Set<Digest>();
  /** Tags of the repository that attach content to an image, by the digest of the image. */
  #attachedTags: Promise<Map<Digest, string[]> | undefined> | undefined;

  constructor(client: RegistryClient, name: RepositoryName, options: RemoteStoreOptions) {
    this.location = `${name.registry}/${name.repository}`;
    this.#client = client;
    this.#name = name;
    this.#order = options.asksMirrors ? 'mirrors first' : 'registry only';
    this.#options = options;
  }

  get #blobs(): BlobPusher {
    this.#blobPusher ??= new BlobPusher(this.#client, this.#name, this.#options);
    return this.#blobPusher;
  }

  get #manifests(): ManifestPusher {
    this.#manifestPusher ??= new ManifestPusher(this.#client, this.#name);
    return this.#manifestPusher;
  }

  resolve(reference: string, { signal }: SignalOption = {}): Promise<Descriptor> {
    return this.#resolve(reference, { signal, order: this.#order });
  }

  /** Resolves a reference with a single GET; digest, type and size are determined from the bytes. */
  async #resolve(reference: string, { signal, order }: CallOptions): Promise<Descriptor> {
    const isSound = (received: FetchedManifest): boolean => isManifestFor(reference, received);
    const ask = { signal, order, isSound };
    let answer = await this.#client.getManifest(this.#name, reference, ask);
    if (!isWhatItSays(answer)) {
      // Either the bytes were damaged in transit, which for a tag nothing else would reveal, or the header is wrong:
      // then the same bytes come again.
      const again = await this.#client.getManifest(this.#name, reference, ask);
      if (!isWhatItSays(again) && !again.bytes.equals(answer.bytes)) throw changing(reference, this.#name);
      answer = again;
    }
    const mediaType = detectMediaType(answer.bytes, answer.mediaType);
    const digest = manifestDigest(
      answer.bytes,
      mediaType,
      isDigest(reference) ? algorithmOf(reference) : 'sha256',
    );
    const descriptor = { mediaType, digest, size: answer.bytes.byteLength };
    if (isDigest(reference) && digest !== reference)
      throw digestMismatch({ ...descriptor, digest: reference }, digest);
    this.#received.set(digest, answer.bytes);
    return descriptor;
  }

  async sizeOf(
    { mediaType = BLOB_MEDIA_TYPE, digest, size }: Wanted,
    options: AskOptions = {},
  ): Promise<number | undefined> {
    const ask = { ...options, order: this.#order };
    if (!isManifest(mediaType))
      return (await this.#client.headBlob(this.#name, digest, { ...ask, expected: size }))?.size;
    // Compare the digest, not the length, which may be that of a compressed response.
    const head = await this.#client.headManifest(this.#name, digest, ask);
    // docker-registry stores only the payload of schema1, and signs it with its own key for each response.
    const isThere = isSchema1(mediaType) ? head !== undefined : head?.digest === digest;
    return isThere ? (size ?? head?.size) : undefined;
  }

  async fetch(
    { mediaType, digest, size }: Descriptor,
    { start = 0, length, signal }: FetchOptions = {},
  ): Promise<Readable> {
    // Parts of a blob are requested several times without anything being wrong.
    if (length !== undefined && !isManifest(mediaType))
      return this.#client.getBlobRange(this.#name, digest, {
        start,
        length,
        size,
        signal,
        retries: 0,
        order: this.#order,
      });
    const received = this.#received.get(digest);
    this.#received.delete(digest);
    const isAgain = this.#asked.has(digest) && this.#order === 'mirrors first';
    if (received === undefined) this.#asked.add(digest);
    const ask = { signal, retries: 0, order: isAgain ? ('registry first' as const) : this.#order };
    if (!isManifest(mediaType)) {
      const isCompressed = isCompressedType(mediaType);
      return this.#client.getBlob(this.#name, digest, { ...ask, start, size, isCompressed });
    }
    const isSound = (answer: FetchedManifest): boolean => isManifestFor(digest, answer);
    const bytes = received ?? (await this.#client.getManifest(this.#name, digest, { ...ask, isSound })).bytes;
    return Readable.from([bytes.subarray(start)], { objectMode: false });
  }

  async *names({ signal }: SignalOption = {}): AsyncIterable<NamedDescriptor> {
    for await (const tag of this.#client.listTags(this.#name, { signal })) {
      yield { name: tag, descriptor: await this.resolve(tag, { signal }) };
    }
  }

  async *referrers(subject: Descriptor, { signal }: SignalOption = {}): AsyncIterable<Referrer> {
    const seen = new Set<Digest>();
    try {
      const listed = await this.#client.listReferrers(this.#name, subject.digest, { signal });
      for (const descriptor of listed ?? []) {
        seen.add(descriptor.digest);
        yield { descriptor };
      }
      for (const tag of await this.#tagsAttachedTo(subject.digest, signal)) {
        for (const referrer of await this.#behindTag(tag, subject.digest, signal)) {
          if (seen.has(referrer.descriptor.digest)) continue;
          seen.add(referrer.descriptor.digest);
          yield referrer;
        }
      }
    } catch (error) {
      throw withoutReferrers(error);
    }
  }

  /** Makes one attempt; the next one resumes where it stopped. The caller repeats it. */
  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isManifest(descriptor.mediaType)) return this.#blobs.push(descriptor, open, options);
    await this.#manifests.push(descriptor, open, options);
    this.#attachedTags = undefined; // a list of referrers may have changed
  }

  async link(descriptor: Descriptor, bytes: Buffer, { signal }: SignalOption = {}): Promise<void> {
    await this.#manifests.link(descriptor, bytes, signal);
    this.#attachedTags = undefined; // a list of referrers may have changed
  }

  mount(descriptor: Descriptor, fromRepository: string, options: SignalOption = {}): Promise<boolean> {
    return this.#blobs.mount(descriptor, fromRepository, options);
  }

  begin(descriptor: Descriptor, options: SignalOption = {}): Promise<boolean | undefined> {
    return this.#blobs.begin(descriptor, options);
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
    await this.#manifests.tag(descriptor, reference);
    this.#attachedTags = undefined;
  }

  async close(): Promise<void> {
    this.#received.clear();
  }

  /**
   * Returns cosign's tags and the fallback tag of a subject: those that exist, or if that is unknown, all that may
   * exist.
   */
  async #tagsAttachedTo(subject: Digest, signal: AbortSignal | undefined): Promise<string[]> {
    this.#attachedTags ??= this.#listAttachedTags(signal);
    const attached = await this.#attachedTags;
    if (attached !== undefined) return attached.get(subject) ?? [];
    const tag = referrersTag(subject);
    return [tag, ...COSIGN_SUFFIXES.map((suffix) => tag + suffix)];
  }

  /**
   * Lists the attaching tags of all images of the repository with one listing; resolves with undefined if that is not
   * possible.
   */
  async #listAttachedTags(signal: AbortSignal | undefined): Promise<Map<Digest, string[]> | undefined> {
    const attached = new Map<Digest, string[]>();
    let count = 0;
    try {
      for await (const tag of this.#client.listTags(this.#name, { signal })) {
        if (++count > MAX_LISTED_TAGS) return undefined;
        const subject = subjectOfTag(tag) ?? subjectOfFallback(tag);
        if (subject !== undefined) attached.set(subject, [...(attached.get(subject) ?? []), tag]);
      }
    } catch (error) {
      // Some registries do not list tags; then those of each subject are requested one by one.
      if (error instanceof RegistryError && !signal?.aborted) return undefined;
      throw error;
    }
    return attached;
  }

  async #behindTag(tag: string, subject: Digest, signal: AbortSignal | undefined): Promise<Referrer[]> {
    let descriptor: Descriptor;
    // The content of such a tag grows, and a mirror may have an old state.
    const order = this.#order === 'mirrors first' ? 'registry, mirrors if out of reach' : this.#order;
    try {
      descriptor = await this.#resolve(tag, { signal, order });
    } catch (error) {
      if (isLadingError(error, 'NOT_FOUND')) return [];
      throw error;
    }
    // GitLab takes the tag sha256-HEX for the digest sha256:HEX, so the tag itself does not exist.
    if (descriptor.digest === subject) return [];
    if (subjectOfTag(tag) !== undefined) return [{ descriptor, tag }];
    if (!isIndex(descriptor.mediaType)) return [];
    const bytes = this.#received.get(descriptor.digest);
    this.#received.delete(descriptor.digest);
    const { manifests } =
      bytes === undefined ? { manifests: [] } : successors(parseManifest(bytes, descriptor));
    return manifests.map((referrer) => ({ descriptor: referrer }));
  }
}

/** True if the bytes match the digest that came with them, or the digest has an unsupported algorithm. */
function isWhatItSays({ bytes, mediaType, digest }: FetchedManifest): boolean {
  if (digest === undefined) return true;
  try {
    return manifestDigest(bytes, detectMediaType(bytes, mediaType), algorithmOf(digest)) === digest;
  } catch (error) {
    if (error instanceof ContentError) return false;
    throw error;
  }
}

/** True if a mirror's response is the requested manifest or, for a tag, any valid manifest. */
function isManifestFor(reference: string, answer: FetchedManifest): boolean {
  const { bytes, mediaType } = answer;
  try {
    const detected = detectMediaType(bytes, mediaType);
    if (isDigest(reference)) return manifestDigest(bytes, detected, algorithmOf(reference)) === reference;
    parseManifest(bytes, { mediaType: detected });
    return isWhatItSays(answer);
  } catch (error) {
    if (error instanceof ContentError) return false;
    throw error;
  }
}

/** True if content of a type is compressed; undefined if the type does not say. */
function isCompressedType(mediaType: string): boolean | undefined {
  if (/[+.]gzip$|\+zstd$/.test(mediaType)) return true;
  return mediaType === BLOB_MEDIA_TYPE || mediaType === '' ? undefined : false;
}

function changing(reference: string, { registry, repository }: RepositoryName): ContentError {
  return new ContentError(
    'DIGEST_MISMATCH',
    `${registry}/${repository} answers requests for ${reference} with different bytes each time, and none match their digest`,
    {
      hint: 'Something between here and the registry damages content; run the command again, or use another connection.',
    },
  );
}

/**
 * Adds advice for an error about attachments: they are requested separately, so the image can be copied without them.
 */
function withoutReferrers(error: unknown): unknown {
  const wayOut = 'Signatures, SBOMs and other attachments can be left out.';
  const after = (own: string | undefined): Advice => {
    return { hint: own === undefined ? wayOut : `${own} ${wayOut}`, remedy: 'referrers' };
  };
  if (error instanceof ContentError)
    return new ContentError(error.code, error.message, { cause: error, ...after(error.hint) });
  if (!(error instanceof RegistryError)) return error;
  // The user can read the image, so missing credentials are not the reason: drop that hint.
  const isDenied = error.status === 401 || error.status === 403;
  return error.restated({ advice: after(isDenied ? undefined : error.hint) });
}

function subjectOfFallback(tag: string): Digest | undefined {
  const digest = tag.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}
