import { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, isDigest } from '../../content/digest.js';
import { isIndex, isManifest, isSchema1 } from '../../content/media-types.js';
import { referrersTag } from '../../content/names.js';
import { digestMismatch } from '../../content/verify.js';
import { type Advice, ContentError, isLadingError, RegistryError } from '../../errors.js';
import { detectMediaType, manifestDigest, parseManifest, successors } from '../../manifest/manifest.js';
import type { CallOptions, FetchedManifest, RegistryClient, RepositoryName } from '../../registry/client.js';
import { subjectOfTag } from '../attached.js';
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
/** Repositories with more tags are not searched for cosign's: those of the subject are asked for one by one. */
const MAX_LISTED_TAGS = 10_000;
const COSIGN_SUFFIXES = ['.sig', '.att', '.sbom'];

export interface RemoteStoreOptions {
  /** Whether mirrors are asked for what the repository holds; default false, as where something is pushed. */
  asksMirrors?: boolean | undefined;
  /** Sends blobs in pieces of so many bytes; default whole, or as the registry asks for. */
  chunkBytes?: number | undefined;
  /** Where uploads are remembered for a later run; default nowhere. */
  uploadSessions?: UploadSessions | undefined;
}

/** A repository that blobs can be put into with few requests. */
export interface RemoteStore extends Store {
  sizeOf(content: Wanted, options?: AskOptions): Promise<number | undefined>;
  /** Takes a blob from another repository of the same registry; false where it would not. */
  mount(descriptor: Descriptor, fromRepository: string, options?: AskOptions): Promise<boolean>;
  /**
   * Whether the repository has a blob that is about to be pushed, its upload begun where it has not. Undefined where
   * the registry does not go along. One that mounts nothing answers false for all.
   */
  begin(descriptor: Descriptor, options?: SignalOption): Promise<boolean | undefined>;
}

/**
 * A repository of a registry. Blobs are checked by the registry, which refuses bytes with another digest; it
 * should be asked for the `sizeOf` content before anything is pushed. The client is shared and is not closed with it.
 */
export function createRemoteStore(
  client: RegistryClient,
  name: RepositoryName,
  options: RemoteStoreOptions = {},
): RemoteStore {
  return new RepositoryStore(client, name, options);
}

/** For a question within something that is repeated as a whole: 0 retries. */
export interface AskOptions extends SignalOption {
  retries?: number | undefined;
}

class RepositoryStore implements RemoteStore {
  readonly location: string;
  readonly isLocal = false;
  readonly #client: RegistryClient;
  readonly #name: RepositoryName;
  readonly #blobs: BlobPusher;
  readonly #manifests: ManifestPusher;
  /** Manifests that `resolve` received and nobody fetched yet, so that none is asked for twice. */
  readonly #received = new Map<Digest, Buffer>();
  readonly #order: CallOptions['order'];
  /** Content that was asked for: when it is asked for again, what came from a mirror may have been damaged. */
  readonly #asked = new Set<Digest>();
  /** Tags of the repository that attach content to an image, by the digest of the image. */
  #attachedTags: Promise<Map<Digest, string[]> | undefined> | undefined;

  constructor(client: RegistryClient, name: RepositoryName, options: RemoteStoreOptions) {
    this.location = `${name.registry}/${name.repository}`;
    this.#client = client;
    this.#name = name;
    this.#order = options.asksMirrors ? 'mirrors first' : 'registry only';
    this.#blobs = new BlobPusher(client, name, options);
    this.#manifests = new ManifestPusher(client, name);
  }

  resolve(reference: string, { signal }: SignalOption = {}): Promise<Descriptor> {
    return this.#resolve(reference, { signal, order: this.#order });
  }

  /** One GET: the answer's bytes tell digest, type and size. */
  async #resolve(reference: string, { signal, order }: CallOptions): Promise<Descriptor> {
    const isSound = (received: FetchedManifest): boolean => isManifestFor(reference, received);
    const ask = { signal, order, isSound };
    let answer = await this.#client.getManifest(this.#name, reference, ask);
    if (!isWhatItSays(answer)) {
      // Damaged on its way, which nothing else would tell of a tag; or the header lies: the same bytes come again.
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
    // Its digest is believed rather than a length, which may be that of a compressed answer.
    const head = await this.#client.headManifest(this.#name, digest, ask);
    // docker-registry keeps the payload of schema1 only, and signs it with a key of its own when it is asked.
    const isThere = isSchema1(mediaType) ? head !== undefined : head?.digest === digest;
    return isThere ? (size ?? head?.size) : undefined;
  }

  async fetch(
    { mediaType, digest, size }: Descriptor,
    { start = 0, signal }: FetchOptions = {},
  ): Promise<Readable> {
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

  /** One try, of which the next goes on where it stopped; repeating it is the caller's. */
  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!isManifest(descriptor.mediaType)) return this.#blobs.push(descriptor, open, options);
    await this.#manifests.push(descriptor, open, options);
    this.#attachedTags = undefined; // a list of referrers may have come
  }

  async link(descriptor: Descriptor, bytes: Buffer, { signal }: SignalOption = {}): Promise<void> {
    await this.#manifests.link(descriptor, bytes, signal);
    this.#attachedTags = undefined; // a list of referrers may have come
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

  /** cosign's tags and the fallback tag of a subject, as far as they are or may be there. */
  async #tagsAttachedTo(subject: Digest, signal: AbortSignal | undefined): Promise<string[]> {
    this.#attachedTags ??= this.#listAttachedTags(signal);
    const attached = await this.#attachedTags;
    if (attached !== undefined) return attached.get(subject) ?? [];
    const tag = referrersTag(subject);
    return [tag, ...COSIGN_SUFFIXES.map((suffix) => tag + suffix)];
  }

  /** One listing answers for all images of the repository; undefined when it cannot be had. */
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
      // A registry that serves images need not list tags: those of the subject can be asked for one by one.
      if (error instanceof RegistryError && !signal?.aborted) return undefined;
      throw error;
    }
    return attached;
  }

  async #behindTag(tag: string, subject: Digest, signal: AbortSignal | undefined): Promise<Referrer[]> {
    let descriptor: Descriptor;
    // Such a tag is a list of what was attached so far, which a mirror may have from earlier.
    const order = this.#order === 'mirrors first' ? 'registry, mirrors if out of reach' : this.#order;
    try {
      descriptor = await this.#resolve(tag, { signal, order });
    } catch (error) {
      if (isLadingError(error, 'NOT_FOUND')) return [];
      throw error;
    }
    // GitLab takes the tag sha256-HEX for the digest sha256:HEX: then the tag itself is not there.
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

/** Whether the bytes have the digest that came with them; a digest that cannot be computed here says nothing. */
function isWhatItSays({ bytes, mediaType, digest }: FetchedManifest): boolean {
  if (digest === undefined) return true;
  try {
    return manifestDigest(bytes, detectMediaType(bytes, mediaType), algorithmOf(digest)) === digest;
  } catch (error) {
    if (error instanceof ContentError) return false;
    throw error;
  }
}

/** Whether a mirror's answer is the manifest that was asked for, or for a tag, a manifest at all. */
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

/** Whether content of a type is compressed; undefined where the type does not tell. */
function isCompressedType(mediaType: string): boolean | undefined {
  if (/[+.]gzip$|\+zstd$/.test(mediaType)) return true;
  return mediaType === BLOB_MEDIA_TYPE || mediaType === '' ? undefined : false;
}

function changing(reference: string, { registry, repository }: RepositoryName): ContentError {
  return new ContentError(
    'DIGEST_MISMATCH',
    `${registry}/${repository} answers for ${reference} with other bytes each time, none with their digest`,
    {
      hint: 'Something between here and the registry damages content; run the command again, or another way.',
    },
  );
}

/** What is attached to an image is asked beside it, so that there is a way out where only that fails. */
function withoutReferrers(error: unknown): unknown {
  const wayOut = 'Signatures, SBOMs and other attachments can be left out.';
  const after = (own: string | undefined): Advice => {
    return { hint: own === undefined ? wayOut : `${own} ${wayOut}`, remedy: 'referrers' };
  };
  if (error instanceof ContentError)
    return new ContentError(error.code, error.message, { cause: error, ...after(error.hint) });
  if (!(error instanceof RegistryError)) return error;
  // Whoever may read the image is known to the registry: credentials are not what is missing.
  const isDenied = error.status === 401 || error.status === 403;
  return error.restated({ advice: after(isDenied ? undefined : error.hint) });
}

function subjectOfFallback(tag: string): Digest | undefined {
  const digest = tag.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}
