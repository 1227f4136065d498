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
import { type Source, versionOf } from '../../store/store.js';
import { exactlyThrough } from '../exactly.js';
import type { HeldMemory } from '../held-memory.js';
import { SharedWork } from '../shared-work.js';
import { SharedHashing } from './shared-hashing.js';

/** If there are more, the oldest are forgotten and hashed again when needed. */
const MOST_REMEMBERED = 100_000;

const DOCUMENT_BYTES = 32 * 1024 * 1024;

/** The file region of a blob, and the file's stamp; as long as the stamp is the same, so are the bytes. */
interface FilePlace extends Region {
  stamp: FileStamp;
}

/** A blob of a store on the network, whose bytes are the same as long as its version is. */
interface RemotePlace {
  version: string;
  size: number;
}

type Place = FilePlace | RemotePlace;

/** An opened blob. `verifier` has to get its bytes while they are sent; undefined if they were verified before. */
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
 * Remembers which content was verified against its digest. A blob is hashed the first time that all of it is sent, once
 * for all concurrent readers, and again after its file or object has changed, so that damaged bytes never arrive as a complete
 * blob. Documents are kept in memory once they are verified.
 */
export class VerifiedContent {
  readonly #found = new RecentlyUsed<Digest, Place>(MOST_REMEMBERED);

  /** Only while there are readers: bytes that were read long ago may differ from those read now. */
  readonly #underWay = new Map<Digest, UnderWay>();

  readonly #documents = new RecentlyUsed<string, Buffer>(DOCUMENT_BYTES, ({ length }) => length);

  readonly #createVerifier: typeof createVerifier;

  readonly #memory: HeldMemory;

  /** Large documents that are being verified, each once for all requests. */
  readonly #looking = new SharedWork<string, void>();

  constructor(options: { memory: HeldMemory; createVerifier?: typeof createVerifier }) {
    this.#memory = options.memory;
    this.#createVerifier = options.createVerifier ?? createVerifier;
  }

  /** Returns the bytes of a stored document; `read` reads and verifies it. */
  async document({ digest, mediaType, size }: Descriptor, read: () => Promise<Buffer>): Promise<Buffer> {
    // A signed schema1 manifest may be pushed again with the same digest but another signature, and so with other
    // bytes.
    const key = `${digest} ${mediaType} ${size}`;
    const known = isSchema1(mediaType) ? undefined : this.#documents.get(key);
    if (known !== undefined) return known;
    const bytes = await read();
    this.#documents.set(key, bytes);
    return bytes;
  }

  /**
   * Opens a document that is too large to be kept in memory. It is read and verified before anything is sent, and read
   * again while it is sent. Rejects if it does not match its digest.
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

  /**
   * Opens a whole blob of the store with `open`. Content that is neither in a file nor of a version that its store tells is
   * hashed each time.
   */
  async openBlob(store: Source, blob: Descriptor, open: () => Promise<Readable>): Promise<OpenedBlob> {
    const before = await placeOf(store, blob);
    const source = await open();
    // If the client disconnects now, the source fails before anything else listens to it.
    source.on('error', () => undefined);
    try {
      // The file may have been replaced between `placeOf` and `open`, but not if the path still has the same stamp.
      const after = before && (await stampAt(before.path));
      const place = before && after && sameStamp(before.stamp, after) ? before : remotePlaceOf(source, blob);
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

  /** Joins the hashing of the blob until `source` is closed. */
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

function remotePlaceOf(source: Readable, { size }: Descriptor): RemotePlace | undefined {
  const version = versionOf(source);
  return version === undefined ? undefined : { version, size };
}

/** Returns undefined for content that is not in a file. */
async function placeOf(store: Source, blob: Descriptor): Promise<FilePlace | undefined> {
  const region = await store.region?.(blob);
  const stamp = region && (await stampAt(region.path));
  return region && stamp && { ...region, stamp };
}

/** Returns the stamp of a file, or undefined if it was deleted; open handles can still read it. */
async function stampAt(path: string): Promise<FileStamp | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function samePlace(a: Place, b: Place): boolean {
  if ('version' in a || 'version' in b)
    return 'version' in a && 'version' in b && a.version === b.version && a.size === b.size;
  return a.path === b.path && a.offset === b.offset && a.size === b.size && sameStamp(a.stamp, b.stamp);
}
