import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { createVerifier } from '../../content/verify.js';
import { LadingError } from '../../errors.js';
import { parseManifest } from '../../manifest/manifest.js';
import { wait as waitByTimer } from '../../registry/http/abort.js';
import { UploadSource } from '../../registry/upload/source.js';
import { type Condition, isConflict, payloadOf, type S3Client, unchanged } from '../../s3/client.js';
import { DEFAULT_PART_BYTES, MIN_PART_BYTES, type S3Options } from '../../s3/options.js';
import { type Attached, attachedTo } from '../attached.js';
import { readVerified } from '../read-content.js';
import {
  has,
  type OpenContent,
  type PushOptions,
  type SignalOption,
  type Store,
  type Wanted,
} from '../store.js';
import { adoptForeign } from './adopt-foreign.js';
import { BucketHold, type HoldOptions } from './bucket-hold.js';
import { writeBucketIndex } from './bucket-index.js';
import { BucketSource } from './bucket-source.js';
import { beginWriting } from './first-write.js';
import type { BucketKeys } from './keys.js';
import { PartMemory } from './part-memory.js';
import { PartedUpload } from './parted-upload.js';
import { touch } from './touch.js';

/** Content up to this size is read into memory, so that the request for it can be sent again by itself. */
const SMALL_BYTES = 1024 * 1024;
/** How many objects are looked for at a time. */
const LOOKED_AT_ONCE = 64;
/** How often a write is repeated whose race the service did not decide. */
const RACES = 10;

export interface BucketStoreOptions {
  /** Milliseconds since 1970. */
  now?: HoldOptions['now'] | undefined;
  wait?: HoldOptions['wait'] | undefined;
  s3?: Pick<S3Options, 'partBytes' | 'singleWriter'> | undefined;
  /** Refuse to let a name that is there stand for something else; default false. */
  noClobber?: boolean | undefined;
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * The images in a bucket, for reading and writing. Each blob is one object that is there as a whole or not at all, and
 * each name another one, so that any number of programs can write at a time.
 */
export class BucketStore extends BucketSource implements Store {
  readonly #options: BucketStoreOptions;
  readonly #partBytes: number;
  readonly #memory: PartMemory;
  readonly #pushing = new Map<Digest, Promise<void>>();
  /** Uploads that a failure interrupted, for the next attempt. */
  readonly #uploads = new Map<Digest, PartedUpload>();
  /** Content that was just found missing, so that it need not be asked for before it is written. */
  readonly #missing = new Set<Digest>();
  /** Manifests that are there, as this run knows. */
  readonly #present = new Set<Digest>();
  /** Attachments of this run. */
  readonly #attached: Attached[] = [];
  readonly #hold: BucketHold;
  #begun: Promise<{ hasConditions: boolean }> | undefined;

  constructor(client: S3Client, keys: BucketKeys, location: string, options: BucketStoreOptions = {}) {
    super(client, keys, location);
    this.#options = options;
    this.#partBytes = options.s3?.partBytes ?? DEFAULT_PART_BYTES;
    if (this.#partBytes < MIN_PART_BYTES)
      throw new LadingError('USAGE', `a part of an object has at least ${MIN_PART_BYTES} bytes (5 MiB)`);
    this.#memory = new PartMemory(this.#partBytes);
    const { now = Date.now, wait = waitByTimer, onWarning = () => undefined } = options;
    this.#hold = new BucketHold(client, keys, { now, wait, onWarning });
  }

  /** Makes the layout, and finds out what the service can, before anything is sent. */
  async prepare(): Promise<void> {
    await this.#begin();
  }

  /** True if this run found the content missing, and has not stored it since. */
  lacks(digest: Digest): boolean {
    return this.#missing.has(digest);
  }

  override async sizeOf(
    { digest, size }: Wanted,
    { signal }: SignalOption = {},
  ): Promise<number | undefined> {
    const found = await this.#look(digest, size, signal);
    if (found === undefined) this.#missing.add(digest);
    return found?.size;
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    const { digest } = descriptor;
    const running = this.#pushing.get(digest);
    if (running !== undefined) return running;
    const push = this.#push(descriptor, open, options).finally(() => this.#pushing.delete(digest));
    this.#pushing.set(digest, push);
    return push;
  }

  async link(descriptor: Descriptor, bytes: Buffer, { signal }: SignalOption = {}): Promise<void> {
    const attached = attachedTo(descriptor, parseManifest(bytes, descriptor));
    if (attached !== undefined) await this.#attach(attached, signal);
  }

  async hold(
    roots: readonly Descriptor[],
    contents: readonly Descriptor[],
    { signal }: SignalOption = {},
  ): Promise<readonly Descriptor[]> {
    await this.#begin();
    if (await this.#hold.hold(roots, signal)) return [];
    for (const attached of this.#attached) await this.attachments.add(attached, signal);
    const removed: Descriptor[] = [];
    for (let start = 0; start < contents.length; start += LOOKED_AT_ONCE) {
      const some = contents.slice(start, start + LOOKED_AT_ONCE);
      const are = await Promise.all(some.map((content) => has(this, content, { signal })));
      removed.push(...some.filter((_, place) => !are[place]));
    }
    return removed;
  }

  async commit(): Promise<void> {
    await this.#hold.end();
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
    if (!this.#present.has(descriptor.digest) && !(await has(this, descriptor)))
      throw new LadingError(
        'NOT_FOUND',
        `${this.location} does not hold ${descriptor.digest}, which should be named ${reference}`,
      );
    const { hasConditions } = await this.adopt();
    const { wait = waitByTimer, noClobber } = this.#options;
    await this.bucketNames.set(descriptor, reference, {
      hasConditions,
      noClobber,
      wait: (delayMs) => wait(delayMs, undefined),
    });
    this.forgetForeign();
  }

  /**
   * Makes the names of another tool's layout objects, which each change of names needs. Resolves with whether the service
   * knows conditional writes.
   */
  async adopt(): Promise<{ hasConditions: boolean }> {
    const begun = await this.#begin();
    if (await adoptForeign(this, begun.hasConditions)) this.forgetForeign();
    return begun;
  }

  /**
   * Writes `index.json`, for tools that read layouts: every name and attachment that is here now, without those that are
   * about to go. Rejects with `CONFLICT` if others keep writing it. Resolves with the number of its entries.
   */
  async writeIndex(isGoing?: (entry: Descriptor) => boolean): Promise<number> {
    return writeBucketIndex(this, { ...(await this.#begin()), isGoing });
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    const { hasConditions } = await this.#begin();
    for (let attempt = 1; ; attempt += 1) {
      const there = this.#missing.delete(descriptor.digest)
        ? undefined
        : await this.#look(descriptor.digest, descriptor.size, signal);
      if (there?.size === descriptor.size) break;
      // An object of another size is no such content, so it is replaced if it is still the same.
      const condition = hasConditions ? unchanged(there) : undefined;
      try {
        if (await this.#write(descriptor, open, condition, options)) break;
      } catch (error) {
        if (!isConflict(error) || attempt >= RACES) throw error;
      }
      if (attempt >= RACES)
        throw new LadingError('CONFLICT', `${descriptor.digest} is written by others with another size`);
    }
    this.#uploads.delete(descriptor.digest);
    if (isManifest(descriptor.mediaType)) this.#present.add(descriptor.digest);
  }

  /** Looks for content. What a collection of garbage might take soon becomes new by that. */
  async #look(digest: Digest, size: number | undefined, signal: AbortSignal | undefined) {
    const key = this.keys.blob(digest);
    const found = await this.client.head(key, { signal });
    const isWanted = found !== undefined && (size === undefined || found.size === size);
    if (!isWanted || this.#begun === undefined || !this.#hold.isOld(found.modified)) return found;
    return (await touch(this.client, key, found.size, { signal })) ? found : undefined;
  }

  async #attach(attached: Attached, signal: AbortSignal | undefined): Promise<void> {
    await this.attachments.add(attached, signal);
    this.#attached.push(attached);
  }

  /** Resolves with false if the condition is not met. */
  async #write(
    descriptor: Descriptor,
    open: OpenContent,
    condition: Condition | undefined,
    options: PushOptions,
  ): Promise<boolean> {
    if (isManifest(descriptor.mediaType)) return this.#writeManifest(descriptor, open, condition, options);
    if (descriptor.size <= SMALL_BYTES) return this.#writeSmall(descriptor, open, condition, options);
    const isSigned = algorithmOf(descriptor.digest) === 'sha256';
    if (descriptor.size <= this.#partBytes && isSigned)
      return this.#writeStream(descriptor, open, condition, options);
    const upload = this.#uploads.get(descriptor.digest) ?? this.#newUpload(descriptor);
    this.#uploads.set(descriptor.digest, upload);
    return upload.write(open, condition, options);
  }

  #newUpload(descriptor: Descriptor): PartedUpload {
    const place = { key: this.keys.blob(descriptor.digest), descriptor, partBytes: this.#partBytes };
    return new PartedUpload(this.client, place, this.#memory);
  }

  async #writeManifest(
    descriptor: Descriptor,
    open: OpenContent,
    condition: Condition | undefined,
    { signal, onBytes }: PushOptions,
  ): Promise<boolean> {
    const bytes = await readVerified(descriptor, open, { signal });
    const attached = attachedTo(descriptor, parseManifest(bytes, descriptor));
    const written = await this.client.put(this.keys.blob(descriptor.digest), payloadOf(bytes), {
      condition,
      signal,
    });
    if (written !== undefined) onBytes?.(bytes.byteLength, 'fetched');
    if (attached !== undefined) await this.#attach(attached, signal);
    return written !== undefined;
  }

  async #writeSmall(
    descriptor: Descriptor,
    open: OpenContent,
    condition: Condition | undefined,
    { signal, onBytes }: PushOptions,
  ): Promise<boolean> {
    const bytes = await readVerified(descriptor, open, { signal });
    onBytes?.(bytes.byteLength, 'fetched');
    const key = this.keys.blob(descriptor.digest);
    return (await this.client.put(key, payloadOf(bytes), { condition, signal })) !== undefined;
  }

  /**
   * Sends content while it arrives, signed with its digest: the service compares. It is compared here, too, before the
   * last bytes are sent, so that an error names the source.
   */
  async #writeStream(
    descriptor: Descriptor,
    open: OpenContent,
    condition: Condition | undefined,
    { signal, onBytes }: PushOptions,
  ): Promise<boolean> {
    const source = new UploadSource(descriptor, open, signal);
    let damage: unknown;
    async function* verified(): AsyncGenerator<Buffer> {
      const verifier = createVerifier(descriptor);
      for await (const chunk of source.read(0, descriptor.size)) {
        verifier.update(chunk);
        try {
          if (verifier.size === descriptor.size) verifier.finish();
        } catch (error) {
          damage = error;
          throw error;
        }
        onBytes?.(chunk.byteLength, 'fetched');
        yield chunk;
      }
    }
    const payload = {
      sha256: encodedOf(descriptor.digest),
      size: descriptor.size,
      open: verified,
      isRepeatable: false,
    };
    try {
      const key = this.keys.blob(descriptor.digest);
      return (await this.client.put(key, payload, { condition, signal })) !== undefined;
    } catch (error) {
      throw damage ?? source.failure ?? error;
    } finally {
      source.close();
    }
  }

  #begin(): Promise<{ hasConditions: boolean }> {
    const begun = this.#begun ?? this.#beginWriting();
    this.#begun = begun;
    begun.catch(() => {
      this.#begun = undefined;
    });
    return begun;
  }

  async #beginWriting(): Promise<{ hasConditions: boolean }> {
    const { s3 = {}, onWarning = () => undefined } = this.#options;
    const [begun] = await Promise.all([
      beginWriting(this.client, this.keys, {
        location: this.location,
        singleWriter: s3.singleWriter === true,
        onWarning,
      }),
      this.#hold.begin(),
    ]);
    return begun;
  }
}
