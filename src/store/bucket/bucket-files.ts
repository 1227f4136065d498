import { Readable } from 'node:stream';
import type { Digest } from '../../content/digest.js';
import type { OpenFileOptions } from '../../disk/region.js';
import { ContentError, LadingError } from '../../errors.js';
import type { S3Client } from '../../s3/client.js';
import type { ContentFile, ContentFiles } from '../content-files.js';
import type { BucketKeys } from './keys.js';

/** The blobs of a bucket, read in place by ranges. */
export class BucketFiles implements ContentFiles {
  readonly location: string;
  readonly #client: S3Client;
  readonly #keys: BucketKeys;

  constructor(client: S3Client, keys: BucketKeys, location: string) {
    this.#client = client;
    this.#keys = keys;
    this.location = location;
  }

  pathOf(digest: Digest): string {
    return this.#keys.blob(digest);
  }

  async size(digest: Digest, signal?: AbortSignal): Promise<number | undefined> {
    return (await this.#client.head(this.#keys.blob(digest), { signal }))?.size;
  }

  async open(
    digest: Digest,
    { start = 0, length, signal }: OpenFileOptions = {},
    size?: number,
  ): Promise<Readable> {
    // HTTP has no empty ranges.
    if (length === 0 || (size !== undefined && start > 0 && start >= size)) return Readable.from([]);
    const rest = size === undefined ? undefined : size - start;
    const bounded = length === undefined || rest === undefined ? length : Math.min(length, rest);
    const key = this.#keys.blob(digest);
    const got = await this.#client.get(key, { start, length: bounded, expectedBytes: rest, signal });
    if (got === undefined) throw new LadingError('NOT_FOUND', `${this.location} does not hold ${digest}`);
    if (size !== undefined && got.size !== size) {
      got.body.destroy();
      throw new ContentError(
        'SIZE_MISMATCH',
        `${digest} has ${got.size} bytes in ${this.location}, its descriptor says ${size}`,
      );
    }
    const { body, etag, modified } = got;
    // A weak tag may be that of other bytes. (RFC 9110, 8.8.1)
    const isKnown = etag !== undefined && /^"[^"]+"$/.test(etag) && modified !== undefined;
    return isKnown ? Object.assign(body, { version: `${etag} ${modified}` }) : body;
  }

  /** Nothing lies on this machine. */
  async region(): Promise<undefined> {
    return undefined;
  }

  async *list(): AsyncIterable<ContentFile> {
    // A file is a region on this machine, and none of a bucket is.
  }

  async close(): Promise<void> {}
}
