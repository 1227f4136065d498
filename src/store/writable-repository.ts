import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { Source } from './store.js';

/** A repository that takes pushes piece by piece, as a registry's clients make them. */
export interface WritableRepository extends Source {
  /** Begins the upload of a blob whose digest is not known yet. */
  createUpload(): Promise<BlobUpload>;
  /** Finds an upload of this repository that was begun before, by an earlier process too; undefined when it is gone. */
  openUpload(id: string): Promise<BlobUpload | undefined>;
  /** Makes a blob of another repository one of this; false when that repository does not hold it. */
  mountBlob(digest: Digest, fromRepository: string | undefined): Promise<boolean>;
  /**
   * Keeps a manifest, whose bytes were verified and whose parts were looked for, and gives it tags, all or
   * nothing. A tag that stands for another manifest moves. A schema1 manifest may come again with another
   * signature: of the same digest but other bytes, and then either are kept, under all of its tags.
   */
  putManifest(descriptor: Descriptor, bytes: Buffer, options?: PutManifestOptions): Promise<void>;
  /** Takes a name away, its manifest stays; rejects with `NOT_FOUND`. */
  deleteTag(tag: string): Promise<void>;
  /** Removes a manifest and every tag of this repository that stands for it; rejects with `NOT_FOUND`. */
  deleteManifest(digest: Digest): Promise<void>;
  /** Removes a blob; rejects with `NOT_FOUND`, and with `IN_USE` while a manifest needs it. */
  deleteBlob(digest: Digest): Promise<void>;
}

export interface PutManifestOptions {
  tags?: readonly string[] | undefined;
  /** Children of an index and layers that are not there, on purpose. */
  absent?: readonly Digest[] | undefined;
  /** What it points at and was found to be there; default what is there now. It rejects with `MISSING_CONTENT` when one has gone. */
  held?: readonly Digest[] | undefined;
}

/**
 * A blob on its way. One caller at a time, whichever object it has: a second `append` or `commit` meanwhile
 * rejects with `LOCKED`, and `size` is what all of them have brought.
 */
export interface BlobUpload {
  readonly id: string;
  /** Bytes received so far. */
  readonly size: number;
  /** Takes more bytes at the end. When `chunks` breaks off, what came before stays and counts. */
  append(chunks: AsyncIterable<Buffer>, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Makes the blob visible under its digest; the upload is over. Rejects with `DIGEST_MISMATCH`, and then the
   * upload is gone with its bytes.
   */
  commit(digest: Digest): Promise<void>;
  /** Throws away what came. */
  cancel(): Promise<void>;
}

/** Repositories that a registry's clients may write to. */
export interface WritableRepositories {
  /** The repository to push into; one that nobody pushed to before is made by its first push. */
  openForPush(name: string): Promise<WritableRepository>;
  /** The repository to delete from; undefined when nothing was pushed to it. */
  openRepository(name: string): Promise<WritableRepository | undefined>;
}
