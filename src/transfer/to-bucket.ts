import type { Digest } from '../content/digest.js';
import { nameKey } from '../content/names.js';
import type { ConnectionOptions } from '../registry/connect.js';
import { delegate } from '../store/delegate.js';
import type { Destination } from './destination.js';
import { comingTo, requireFreeNames } from './files/check.js';
import { toStore } from './to-store.js';

/**
 * Writes to a bucket, `s3://BUCKET[/PREFIX]`: images are added to those that are there, and an existing name is moved to
 * the new image, or with `noClobber` refused. Nothing is sent before the images are read;
 * what was read of them is sent at once, unless names may be refused.
 */
export async function toBucket(
  location: string,
  {
    connection = {},
    noClobber = false,
  }: { connection: ConnectionOptions | undefined; noClobber?: boolean | undefined },
): Promise<Destination & { format: 'store' }> {
  // Most destinations are files, so the client is loaded only when it is needed.
  const [{ openBucketForWriting }, { keepIn }] = await Promise.all([
    import('../store/bucket/bucket.js'),
    import('./keep-in-bucket.js'),
  ]);
  const store = await openBucketForWriting(location, { ...connection, noClobber });
  const previous = delegate(store, { resolve: (...wanted) => store.resolveWhole(...wanted) });
  const destination = toStore(store);
  const stored = new Set<Digest>();
  return {
    ...destination,
    previous,
    ...(!noClobber && { keep: keepIn(store, stored) }),
    async write(images, options) {
      if (noClobber) {
        // Before anything is sent; the service is asked again when each name is given.
        const coming = comingTo(images);
        const taken = await store.named((name) => coming.has(nameKey(name)), options?.signal);
        requireFreeNames(store.location, taken, coming);
      }
      return destination.write(images, { ...options, stored });
    },
    close: () => store.close(),
  };
}
