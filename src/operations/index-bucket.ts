import { LadingError } from '../errors.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { isBucket } from '../store/locator.js';

export interface IndexResult {
  /** The bucket as the user named it. */
  location: string;
  /** Number of names and attachments in `index.json`. */
  entries: number;
}

/**
 * Writes the `index.json` of a bucket (`s3://…`) from the names in it, so that tools that know layouts, but not lading, can
 * read a copy of the bucket. Names that change later need it again. Rejects with `USAGE` for anything but a bucket, and
 * with `NOT_FOUND` if no images are there.
 */
export async function indexBucket(location: string, options: ConnectionOptions = {}): Promise<IndexResult> {
  if (!isBucket(location))
    throw new LadingError('USAGE', `${location} is not a bucket: every other place has its index already`, {
      hint: 'Write s3://BUCKET or s3://BUCKET/PREFIX.',
    });
  const { openBucketForWriting } = await import('../store/bucket/bucket.js');
  const store = await openBucketForWriting(location, options);
  try {
    await store.requireLayout();
    return { location, entries: await store.writeIndex() };
  } finally {
    await store.close();
  }
}
