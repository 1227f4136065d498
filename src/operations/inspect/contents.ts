import type { Digest } from '../../content/digest.js';

/** The bytes of several images together. */
export interface TotalBytes {
  /** Content that several images share is counted once. */
  total: number;
  /** The sum of the sizes of the images: what they would take without sharing. */
  withoutSharing: number;
}

/** Adds up what images consist of. */
export class Contents {
  readonly #sizes = new Map<Digest, number>();
  #withoutSharing = 0;

  /** Adds the contents of an image, and returns their bytes together. */
  add(contents: ReadonlyMap<Digest, number>): number {
    let size = 0;
    for (const [digest, bytes] of contents) {
      this.#sizes.set(digest, bytes);
      size += bytes;
    }
    this.#withoutSharing += size;
    return size;
  }

  get bytes(): TotalBytes {
    let total = 0;
    for (const bytes of this.#sizes.values()) total += bytes;
    return { total, withoutSharing: this.#withoutSharing };
  }
}
