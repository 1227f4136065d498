import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../src/content/descriptor.js';
import { algorithmOf, type Digest, digestOf, isDigest } from '../../src/content/digest.js';
import { digestMismatch } from '../../src/content/verify.js';
import { LadingError } from '../../src/errors.js';
import { parseManifest, successors } from '../../src/manifest/manifest.js';
import { type Attached, attachedTag, attachedTo } from '../../src/store/attached.js';
import type { FetchOptions, Referrer, Wanted } from '../../src/store/store.js';
import type {
  BlobUpload,
  PutManifestOptions,
  WritableRepositories,
  WritableRepository,
} from '../../src/store/writable-repository.js';

/** Repositories in memory, for reading and pushing. */
export interface MemoryRepositories extends WritableRepositories {
  listRepositories(): Promise<string[]>;
}

/** A registry's content that lives as long as its process. */
export function createMemoryRepositories(): MemoryRepositories {
  const repositories = new Map<string, MemoryRepository>();

  function find(digest: Digest, from: string | undefined): Kept | undefined {
    const places = from === undefined ? [...repositories.values()] : [repositories.get(from)];
    return places.map((place) => place?.blobs.get(digest)).find((kept) => kept !== undefined);
  }

  return {
    async openForPush(name) {
      const repository = repositories.get(name) ?? new MemoryRepository(name, find);
      repositories.set(name, repository);
      return repository;
    },
    async openRepository(name) {
      const repository = repositories.get(name);
      return repository?.isEmpty ? undefined : repository;
    },
    async listRepositories() {
      return [...repositories].filter(([, { isEmpty }]) => !isEmpty).map(([name]) => name);
    },
  };
}

interface Kept {
  descriptor: Descriptor;
  bytes: Buffer;
}

interface KeptManifest extends Kept {
  attached: Attached | undefined;
  /** Digests of the blobs that it needs. */
  blobs: ReadonlySet<Digest>;
}

const BLOB_MEDIA_TYPE = 'application/octet-stream';

class MemoryRepository implements WritableRepository {
  readonly isLocal = true;
  readonly blobs = new Map<Digest, Kept>();
  readonly #manifests = new Map<Digest, KeptManifest>();
  readonly #tags = new Map<string, Descriptor>();
  readonly #uploads = new Map<string, MemoryUpload>();

  constructor(
    readonly location: string,
    private readonly find: (digest: Digest, from: string | undefined) => Kept | undefined,
  ) {}

  get isEmpty(): boolean {
    return this.blobs.size === 0 && this.#manifests.size === 0;
  }

  async resolve(reference: string): Promise<Descriptor> {
    const descriptor =
      this.#tags.get(reference) ??
      (isDigest(reference) ? this.#manifests.get(reference)?.descriptor : undefined);
    return descriptor ?? notFound(reference);
  }

  async sizeOf({ digest, mediaType }: Wanted): Promise<number | undefined> {
    const kept = mediaType === undefined ? this.blobs.get(digest) : this.#kept(digest);
    return kept?.bytes.length;
  }

  async fetch({ digest }: Descriptor, { start = 0 }: FetchOptions = {}): Promise<Readable> {
    const { bytes } = this.#kept(digest) ?? notFound(digest);
    return Readable.from([bytes.subarray(start)], { objectMode: false });
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    for (const [name, descriptor] of this.#tags) yield { name, descriptor };
  }

  async *referrers({ digest }: Descriptor): AsyncIterable<Referrer> {
    const bySubject = [...this.#manifests.values()].map(({ attached }) => attached);
    const byTag = [...this.#tags].map(([tag, descriptor]) => attachedTag(descriptor, tag));
    for (const attached of [...bySubject, ...byTag])
      if (attached?.subject === digest) yield attached.referrer;
  }

  async createUpload(): Promise<BlobUpload> {
    const upload = new MemoryUpload({
      keep: (kept) => this.blobs.set(kept.descriptor.digest, kept),
      end: () => this.#uploads.delete(upload.id),
    });
    this.#uploads.set(upload.id, upload);
    return upload;
  }

  async openUpload(id: string): Promise<BlobUpload | undefined> {
    return this.#uploads.get(id);
  }

  async mountBlob(digest: Digest, fromRepository: string | undefined): Promise<boolean> {
    const kept = this.find(digest, fromRepository);
    if (kept !== undefined) this.blobs.set(digest, kept);
    return kept !== undefined;
  }

  async putManifest(
    descriptor: Descriptor,
    bytes: Buffer,
    { tags = [] }: PutManifestOptions = {},
  ): Promise<void> {
    const manifest = parseManifest(bytes, descriptor);
    const { blobs, unsized } = successors(manifest);
    this.#manifests.set(descriptor.digest, {
      descriptor,
      bytes,
      attached: attachedTo(descriptor, manifest),
      blobs: new Set([...blobs.map(({ digest }) => digest), ...unsized]),
    });
    // A schema1 manifest may have been pushed before with another signature: the digest is the same, the size is not.
    const others = [...this.#tags].filter(([, { digest }]) => digest === descriptor.digest);
    for (const tag of [...others.map(([tag]) => tag), ...tags]) this.#tags.set(tag, descriptor);
  }

  async deleteTag(tag: string): Promise<void> {
    if (!this.#tags.delete(tag)) notFound(tag);
  }

  async deleteManifest(digest: Digest): Promise<void> {
    if (!this.#manifests.delete(digest)) notFound(digest);
    for (const [tag, descriptor] of this.#tags) if (descriptor.digest === digest) this.#tags.delete(tag);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    if (!this.blobs.has(digest)) notFound(digest);
    const user = [...this.#manifests.values()].find(({ blobs }) => blobs.has(digest));
    if (user !== undefined)
      throw new LadingError('IN_USE', `${digest} belongs to the manifest ${user.descriptor.digest}`);
    this.blobs.delete(digest);
  }

  async close(): Promise<void> {}

  #kept(digest: Digest): Kept | undefined {
    return this.#manifests.get(digest) ?? this.blobs.get(digest);
  }
}

class MemoryUpload implements BlobUpload {
  readonly id = randomUUID();
  size = 0;
  #chunks: Buffer[] = [];
  #isBusy = false;

  constructor(private readonly owner: { keep: (kept: Kept) => void; end: () => void }) {}

  append(chunks: AsyncIterable<Buffer>): Promise<void> {
    return this.#alone(async () => {
      for await (const chunk of chunks) {
        this.#chunks.push(chunk);
        this.size += chunk.length;
      }
    });
  }

  commit(digest: Digest): Promise<void> {
    return this.#alone(async () => {
      this.owner.end();
      const bytes = Buffer.concat(this.#chunks);
      const descriptor = { mediaType: BLOB_MEDIA_TYPE, digest, size: bytes.length };
      const actual = digestOf(bytes, algorithmOf(digest));
      if (actual !== digest) throw digestMismatch(descriptor, actual);
      this.owner.keep({ descriptor, bytes });
    });
  }

  async cancel(): Promise<void> {
    this.owner.end();
    this.#chunks = [];
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new LadingError('LOCKED', `the upload ${this.id} is being written to`);
    this.#isBusy = true;
    try {
      await work();
    } finally {
      this.#isBusy = false;
    }
  }
}

function notFound(what: string): never {
  throw new LadingError('NOT_FOUND', `${what} is not in this repository`);
}
