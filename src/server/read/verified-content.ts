import { stat } from 'node:fs/promises';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isSchema1 } from '../../content/media-types.js';
import { createVerifier, type Verifier } from '../../content/verify.js';
import { systemCode } from '../../errors.js';
import { type FileStamp, sameStamp } from '../../region.js';
import type { ReadonlyStore } from '../../store/store.js';
import { RecentlyUsed } from '../recently-used.js';

/** More are forgotten, the oldest first, and hashed again. */
const MOST_REMEMBERED = 100_000;

const DOCUMENT_BYTES = 32 * 1024 * 1024;

/**
 * What has been found to be what its digest says. A blob is hashed the first time that all of it is sent, and again
 * when the file that it lies in has changed: what left a disk damaged never arrives as whole. Documents are kept:
 * once their bytes are right, they are for ever.
 */
export class VerifiedContent {
  readonly #found = new Map<Digest, { path: string; offset: number; stamp: FileStamp }>();

  readonly #documents = new RecentlyUsed<string, Buffer>(DOCUMENT_BYTES, ({ length }) => length);

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

  /** What has to see the blob's bytes on their way; undefined when they were seen before. */
  async verifierFor(store: ReadonlyStore, blob: Descriptor): Promise<Verifier | undefined> {
    const region = await store.region?.(blob);
    if (region === undefined) return createVerifier(blob);
    const { path, offset } = region;
    const stamp = await stampAt(path);
    if (stamp === undefined) return createVerifier(blob);
    const before = this.#found.get(blob.digest);
    if (before?.path === path && before.offset === offset && sameStamp(before.stamp, stamp)) return undefined;

    const verifier = createVerifier(blob);
    return {
      update: (chunk) => verifier.update(chunk),
      get size() {
        return verifier.size;
      },
      finish: () => {
        verifier.finish();
        this.#remember(blob.digest, { path, offset, stamp });
      },
    };
  }

  #remember(digest: Digest, place: { path: string; offset: number; stamp: FileStamp }): void {
    this.#found.delete(digest);
    this.#found.set(digest, place);
    const [oldest] = this.#found.keys();
    if (this.#found.size > MOST_REMEMBERED && oldest !== undefined) this.#found.delete(oldest);
  }
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
