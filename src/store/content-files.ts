import type { Readable } from 'node:stream';
import type { Digest } from '../content/digest.js';
import type { OpenFileOptions, Region } from '../disk/region.js';

/** A file that is to have the content a digest names. */
export interface ContentFile {
  digest: Digest;
  path: string;
  region: Region;
}

/**
 * Content in the files of an archive or directory, found by digest: a layout's blobs, or files of any other
 * names. That a file has the content it is listed for is checked by who reads it.
 */
export interface ContentFiles {
  /** The place on disk that errors name. */
  readonly location: string;
  /** Where the content stands, or would stand. */
  pathOf(digest: Digest): string;
  /** Bytes, or undefined when it is not there. */
  size(digest: Digest): Promise<number | undefined>;
  /** Rejects with `NOT_FOUND` when it is not there. */
  open(digest: Digest, options?: OpenFileOptions): Promise<Readable>;
  /** Where the bytes lie on disk; undefined for what is not there, and for what was made in memory. */
  region(digest: Digest): Promise<Region | undefined>;
  /** Whether the content is a document that was made in memory. */
  isMade?(digest: Digest): boolean;
  /** Every file that is to have some content, whether an image needs it or not. */
  list(): AsyncIterable<ContentFile>;
  close(): Promise<void>;
}
