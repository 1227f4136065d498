import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { ContentError } from '../errors.js';

/** Indexes in indexes: nobody has a use for more, and each level costs a round trip. */
const MAX_INDEX_DEPTH = 8;
/**
 * Manifests that one image may name, each counted as often as it is named: eight indexes of which each names the
 * next a hundred times are a hundred kilobytes, and more steps than anybody can take. An index of 4 MiB has room for
 * fewer.
 */
const MAX_MANIFESTS = 50_000;

/** Of all manifests and configs of one image, which are in memory together: an index of 50,000 images has as much. */
const MAX_DOCUMENT_BYTES = 256 * 1024 * 1024;

/** What one image may consist of. */
export interface GraphLimits {
  /** Manifests that it names, each as often as it is named; default 50,000. */
  maxManifests?: number | undefined;
  /** Bytes of its manifests and configs together; default 256 MiB. */
  maxDocumentBytes?: number | undefined;
}

/** How far one image may branch out. */
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

  /** To be called for each manifest and config before it is read. Throws `TOO_LARGE` for too much. */
  takeDocument({ digest, size }: Descriptor): void {
    this.#documentBytes += size;
    if (this.#documentBytes <= this.#maxDocumentBytes) return;
    throw new ContentError(
      'TOO_LARGE',
      `${digest} is part of an image whose manifests and configs have more than ${this.#maxDocumentBytes} bytes`,
      {
        hint: 'No image has so many: it was made to fill the memory of its readers.',
      },
    );
  }

  /**
   * To be called for each index before its children are read, with how many it stands in and how many it names.
   * Throws `INVALID_MANIFEST` for what is too deep, `TOO_LARGE` for too much.
   */
  take(index: Digest, depth: number, children: number): void {
    requireDepth(index, depth);
    this.#left -= children;
    if (this.#left >= 0) return;
    throw new ContentError(
      'TOO_LARGE',
      `${index} is part of an image that names more than ${this.#maxManifests} manifests`,
      {
        hint: 'No image has so many: it was made to keep its readers busy.',
      },
    );
  }
}

/** Throws `INVALID_MANIFEST` for an index that stands in too many others. */
export function requireDepth(index: Digest, depth: number): void {
  if (depth >= MAX_INDEX_DEPTH)
    throw new ContentError('INVALID_MANIFEST', `${index} is an index inside ${MAX_INDEX_DEPTH} others`);
}
