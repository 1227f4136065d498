import { stat } from 'node:fs/promises';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { createVerifier, type Verifier } from '../../content/verify.js';
import { systemCode } from '../../errors.js';
import { type FileStamp, sameStamp } from '../../region.js';
import type { ReadonlyStore } from '../../store/store.js';

/** More are forgotten, the oldest first, and hashed again. */
const MOST_REMEMBERED = 100_000;

/**
 * Which blobs have been found to be what their digests say. Each is hashed the first time that all of it is sent,
 * and again when the file that it lies in has changed: what left a disk damaged never arrives as whole.
 */
export class VerifiedBlobs {
  readonly #found = new Map<Digest, { path: string; offset: number; stamp: FileStamp }>();

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
