import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { Source } from './store.js';

/** A repository that accepts pushes in steps, as clients of a registry make them. */
export interface WritableRepository extends Source {
  /** Begins the upload of a blob whose digest is not known yet. */
  createUpload(): Promise<BlobUpload>;
  /** Returns an upload of this repository, perhaps begun by an earlier process; undefined if it has ended. */
  openUpload(id: string): Promise<BlobUpload | undefined>;
  /** Adds a blob of another repository to this one; resolves with false if that repository does not have it. */
  mountBlob(digest: Digest, fromRepository: string | undefined): Promise<boolean>;
  /**
   * Stores a manifest, whose bytes and parts the caller has checked, and sets its tags, all or nothing. A tag of
   * another manifest moves. A schema1 manifest may come again with another signature, which has the same digest but
   * other bytes; then one of them is kept, under all of its tags.
   */
  putManifest(descriptor: Descriptor, bytes: Buffer, options?: PutManifestOptions): Promise<void>;
  /** Removes a tag, while its manifest stays; rejects with `NOT_FOUND`. */
  deleteTag(tag: string): Promise<void>;
  /** Removes a manifest and all its tags in this repository; rejects with `NOT_FOUND`. */
  deleteManifest(digest: Digest): Promise<void>;
  /** Removes a blob; rejects with `NOT_FOUND`, and with `IN_USE` while a manifest needs it. */
  deleteBlob(digest: Digest): Promise<void>;
}

export interface PutManifestOptions {
  tags?: readonly string[] | undefined;
  /** Children of an index and layers that are missing on purpose. */
  absent?: readonly Digest[] | undefined;
  /**
   * Parts that were found to be present; default: those that are present now. It rejects with `MISSING_CONTENT` if one
   * of them disappears.
   */
  held?: readonly Digest[] | undefined;
}

/**
 * An upload of a blob. Only one caller at a time can use it, whichever object it has: a second `append` or `commit`
 * rejects with `LOCKED` meanwhile. `size` includes the bytes of all callers.
 */
export interface BlobUpload {
  readonly id: string;
  /** Bytes received so far. */
  readonly size: number;
  /** Appends bytes. If `chunks` fails, the bytes before the failure are kept. */
  append(chunks: AsyncIterable<Buffer>, options?: { signal?: AbortSignal | undefined }): Promise<void>;
  /**
   * Makes the blob visible under its digest, and ends the upload. If it rejects with `DIGEST_MISMATCH`, the upload and
   * its bytes are gone.
   */
  commit(digest: Digest): Promise<void>;
  /** Discards the upload with its bytes. */
  cancel(): Promise<void>;
}

/** Repositories that clients of a registry can write to. */
export interface WritableRepositories {
  /** Returns a repository for pushing; the first push creates one that does not exist. */
  openForPush(name: string): Promise<WritableRepository>;
  /** Returns a repository for deleting, or undefined if nothing was pushed to it. */
  openRepository(name: string): Promise<WritableRepository | undefined>;
}
