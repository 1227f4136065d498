import type { ConnectionOptions } from '../registry/connect.js';
import { delegate } from '../store/delegate.js';
import type { Destination } from './destination.js';
import { toStore } from './to-store.js';

/**
 * Writes to a bucket, `s3://BUCKET[/PREFIX]`: images are added to those that are there, and an existing name is moved to
 * the new image. Nothing is sent yet.
 */
export async function toBucket(
  location: string,
  connection: ConnectionOptions = {},
): Promise<Destination & { format: 'store' }> {
  // Most destinations are files, so the client is loaded only when it is needed.
  const { openBucketForWriting } = await import('../store/bucket/bucket.js');
  const store = await openBucketForWriting(location, connection);
  const previous = delegate(store, { resolve: (...wanted) => store.resolveWhole(...wanted) });
  return { ...toStore(store), previous, close: () => store.close() };
}
