import { stat } from 'node:fs/promises';
import { finished, type Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isSchema1 } from '../../content/media-types.js';
import { RecentlyUsed } from '../../content/recently-used.js';
import { createVerifier, type Verifier } from '../../content/verify.js';
import type { Region } from '../../disk/region.js';
import { type FileStamp, sameStamp } from '../../disk/region.js';
import { systemCode } from '../../errors.js';
import type { Source } from '../../store/store.js';
import { exactlyThrough } from '../exactly.js';
import type { HeldMemory } from '../held-memory.js';
import { SharedWork } from '../shared-work.js';
import { SharedHashing } from './shared-hashing.js';

/** More are forgotten, the oldest first, and hashed again. */
const MOST_REMEMBERED = 100_000;

const DOCUMENT_BYTES = 32 * 1024 * 1024;

/** Where the bytes of a blob lie, and what the file was then: the same again, and so are the bytes. */
interface Place extends Region {
  stamp: FileStamp;
}

/** The bytes of a blob, and what has to see them on their way: nothing when they were seen before. */
export interface OpenedBlob {
  source: Readable;
  verifier: Verifier | undefined;
}

interface UnderWay {
  place: Place;
  hashing: SharedHashing;
  readers: number;
}

/**
 * What has been found to be what its digest says. A blob is hashed the first time that all of it is sent, once for
 * all who ask for it meanwhile, and again when the file that it lies in has changed: what left a disk damaged never
 * arrives as whole. Documents are kept: once their bytes are right, they are for ever.
 */
export class VerifiedContent {
  readonly #found = new RecentlyUsed<Digest, Place>(MOST_REMEMBERED);

  /** As long as somebody reads: what was read long ago may not be what is read now. */
  readonly #underWay = new Map<Digest, UnderWay>();

  readonly #documents = new RecentlyUsed<string, Buffer>(DOCUMENT_BYTES, ({ length }) => length);

  readonly #createVerifier: typeof createVerifier;

  readonly #memory: HeldMemory;

  /** Documents that are looked through, each once for all who ask for it. */
  readonly #looking = new SharedWork<string, void>();

  constructor(options: { memory: HeldMemory; createVerifier?: typeof createVerifier }) {
    this.#memory = options.memory;
    this.#createVerifier = options.createVerifier ?? createVerifier;
  }

  /** The bytes of a document that is in the store, which `read` gives verified. */
  async document({ digest, mediaType, size }: Descriptor, read: () => Promise<Buffer>): Promise<Buffer> {
    // A signed schema1 manifest can come again with the same digest, another signature and so other bytes.
    const key = `${digest} ${mediaType} ${size}`;
    const known = isSchema1(mediaType) ? undefined : this.#documents.get(key);
    if (known !== undefined) return known;
    const bytes = await read();
    this.#documents.set(key, bytes);
    return bytes;
  }

  /**
   * A document that is too large to be kept: it is looked through before anything of it is sent, and read again while
   * it is. Rejects when it is not what its digest says.
   */
  async openDocument(
    store: Source,
    document: Descriptor,
    open: (signal: AbortSignal | undefined) => Promise<Readable>,
    signal: AbortSignal,
  ): Promise<OpenedBlob> {
    const { digest, size } = document;
    const look = (stop: AbortSignal) => this.#lookThrough(store, document, () => open(stop));
    await this.#looking.join(`${digest} ${size}`, look, signal);
    return this.openBlob(store, document, () => open(signal));
  }

  async #lookThrough(store: Source, document: Descriptor, open: () => Promise<Readable>): Promise<void> {
    const { source, verifier } = await this.openBlob(store, document, open);
    try {
      if (verifier === undefined) return;
      const bounds = { size: document.size, endsEarly: false, verifier };
      for await (const _ of exactlyThrough(source, bounds, this.#memory));
    } finally {
      source.destroy();
    }
  }

  /** All of a blob of the store, which `open` opens. Content that does not lie in a file is hashed each time. */
  async openBlob(store: Source, blob: Descriptor, open: () => Promise<Readable>): Promise<OpenedBlob> {
    const before = await placeOf(store, blob);
    const source = await open();
    // A client that leaves now ends the source, before anybody else listens to it.
    source.on('error', () => undefined);
    try {
      // Something else may have been opened than was found; not if that is still in its place.
      const after = before && (await stampAt(before.path));
      const place = before && after && sameStamp(before.stamp, after) ? before : undefined;
      return { source, verifier: this.#verifierFor(blob, source, place) };
    } catch (error) {
      source.destroy();
      throw error;
    }
  }

  #verifierFor(blob: Descriptor, source: Readable, place: Place | undefined): Verifier | undefined {
    if (place === undefined || place.size !== blob.size) return this.#createVerifier(blob);
    const found = this.#found.get(blob.digest);
    return found !== undefined && samePlace(found, place) ? undefined : this.#join(blob, source, place);
  }

  /** Has the reader of `source` take part in the hashing of its blob until the source is closed. */
  #join(blob: Descriptor, source: Readable, place: Place): Verifier {
    let underWay = this.#underWay.get(blob.digest);
    if (underWay === undefined || !samePlace(underWay.place, place)) underWay = this.#begin(blob, place);
    const joined = underWay;
    joined.readers += 1;
    finished(source, () => {
      joined.readers -= 1;
      if (joined.readers === 0) this.#forget(blob.digest, joined.hashing);
    });
    return joined.hashing.join();
  }

  #begin(blob: Descriptor, place: Place): UnderWay {
    const hashing = new SharedHashing(blob, this.#createVerifier(blob), (isRight) => {
      if (isRight) this.#found.set(blob.digest, place);
      this.#forget(blob.digest, hashing);
    });
    const underWay = { place, hashing, readers: 0 };
    this.#underWay.set(blob.digest, underWay);
    return underWay;
  }

  #forget(digest: Digest, hashing: SharedHashing): void {
    if (this.#underWay.get(digest)?.hashing === hashing) this.#underWay.delete(digest);
  }
}

/** Undefined for content that does not lie in a file. */
async function placeOf(store: Source, blob: Descriptor): Promise<Place | undefined> {
  const region = await store.region?.(blob);
  const stamp = region && (await stampAt(region.path));
  return region && stamp && { ...region, stamp };
}

/** The stamp of a file, undefined when it has gone: who has it open can still read it. */
async function stampAt(path: string): Promise<FileStamp | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function samePlace(a: Place, b: Place): boolean {
  return a.path === b.path && a.offset === b.offset && a.size === b.size && sameStamp(a.stamp, b.stamp);
}
