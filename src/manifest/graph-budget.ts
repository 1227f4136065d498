import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { ContentError } from '../errors.js';

/** Limit for nested indexes: images do not need more, and each level costs a round trip. */
const MAX_INDEX_DEPTH = 8;
/**
 * Limit for the manifests that an image names, counting repetitions: eight indexes that each name the next one a
 * hundred times have only a hundred kilobytes, but more paths than anybody can follow. An index of 4 MiB cannot name so
 * many.
 */
const MAX_MANIFESTS = 50_000;

/**
 * Limit for all manifests and configs of an image, which are in memory together. An index of 50,000 images has as much.
 */
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

/** Limits for one image. */
export interface GraphLimits {
  /** Limit for the manifests that it names, counting repetitions; default 50,000. */
  maxManifests?: number | undefined;
  /** Limit for the bytes of its manifests and configs together; default 256 MiB. */
  maxDocumentBytes?: number | undefined;
}

/** Counts the manifests of one image and their bytes, and enforces the limits. */
export class GraphBudget {
  readonly #maxDocumentBytes: number;
  readonly #maxManifests: number;
  #left: number;
  #documentBytes = 0;

  constructor({ maxDocumentBytes = MAX_DOCUMENT_BYTES, maxManifests = MAX_MANIFESTS }: GraphLimits = {}) {
    this.#maxDocumentBytes = maxDocumentBytes;
    this.#maxManifests = maxManifests;
    this.#left = maxManifests;
  }

  /** To be called for each manifest and config before it is read. Throws `TOO_LARGE` beyond `maxDocumentBytes`. */
  takeDocument({ digest, size }: Descriptor): void {
    this.#documentBytes += size;
    if (this.#documentBytes <= this.#maxDocumentBytes) return;
    throw new ContentError(
      'TOO_LARGE',
      `${digest} is part of an image whose manifests and configs have more than ${this.#maxDocumentBytes} bytes`,
      {
        hint: 'No real image has so many: this one was made to exhaust memory.',
      },
    );
  }

  /**
   * To be called for each index before its children are read. `depth` is the number of indexes around it. Throws
   * `INVALID_MANIFEST` if it is too deep, and `TOO_LARGE` beyond `maxManifests`.
   */
  take(index: Digest, depth: number, children: number): void {
    requireDepth(index, depth);
    this.#left -= children;
    if (this.#left >= 0) return;
    throw new ContentError(
      'TOO_LARGE',
      `${index} is part of an image that names more than ${this.#maxManifests} manifests`,
      {
        hint: 'No real image has so many: this one was made to keep tools busy.',
      },
    );
  }
}

/** Throws `INVALID_MANIFEST` if an index is nested in too many others. */
export function requireDepth(index: Digest, depth: number): void {
  if (depth >= MAX_INDEX_DEPTH)
    throw new ContentError('INVALID_MANIFEST', `${index} is an index inside ${MAX_INDEX_DEPTH} others`);
}
