import type { Digest } from '../content/digest.js';
import type { Plan } from './plan.js';

/** Counts which images have all of their blobs, for reports to the user. */
export class CompletedImages {
  /** By the digest of a blob, the images that need it and lack some blob. */
  readonly #waiting = new Map<Digest, { name: string; missing: number }[]>();

  constructor({ images, blobs }: Plan) {
    const isBlob = new Set(blobs.map(({ descriptor }) => descriptor.digest));
    for (const { name, contents } of images) {
      const needed = [...contents].filter((digest) => isBlob.has(digest));
      const image = { name, missing: needed.length };
      for (const digest of needed) {
        const others = this.#waiting.get(digest);
        if (others === undefined) this.#waiting.set(digest, [image]);
        else others.push(image);
      }
    }
  }

  /** Returns the name of the first image that needs a blob. */
  neededBy(blob: Digest): string | undefined {
    return this.#waiting.get(blob)?.[0]?.name;
  }

  /** Records that a blob is there, and returns the names of the images that are complete with it. */
  arrived(blob: Digest): string[] {
    const images = this.#waiting.get(blob) ?? [];
    this.#waiting.delete(blob);
    for (const image of images) image.missing--;
    return images.filter(({ missing }) => missing === 0).map(({ name }) => name);
  }
}
