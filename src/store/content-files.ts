import type { Readable } from 'node:stream';
import type { Digest } from '../content/digest.js';
import type { OpenFileOptions, Region } from '../disk/region.js';

/** A file that should have the content of a digest. */
export interface ContentFile {
  digest: Digest;
  path: string;
  region: Region;
}

/**
 * Content in the files of an archive or directory, found by digest: the blobs of a layout, or files with other names.
 * The reader of a file must verify its content.
 */
export interface ContentFiles {
  /** Path of the archive or directory, as errors name it. */
  readonly location: string;
  /** Returns the path where the content is, or would be. */
  pathOf(digest: Digest): string;
  /** Returns the size in bytes, or undefined if the content is missing. */
  size(digest: Digest): Promise<number | undefined>;
  /** Opens the content; rejects with `NOT_FOUND` if it is missing. */
  open(digest: Digest, options?: OpenFileOptions): Promise<Readable>;
  /** Returns where the bytes are on disk; undefined if they are missing, or were made in memory. */
  region(digest: Digest): Promise<Region | undefined>;
  /** True if the content is a document that was made in memory. */
  isMade?(digest: Digest): boolean;
  /** Lists every file that should have the content of a digest, whether an image needs it or not. */
  list(): AsyncIterable<ContentFile>;
  close(): Promise<void>;
}
