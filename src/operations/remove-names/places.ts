import type { ConnectionOptions } from '../../registry/connect.js';
import { openBucketForWriting } from '../../store/bucket/bucket.js';
import { removeBucketNames } from '../../store/bucket/remove-names.js';
import type { RemovalChoice, RemovalReport } from '../../store/removal.js';

export { removeLayoutNames as removeFromLayout } from '../../store/layout/remove-names.js';

/** Removes names from a bucket; rejects as `removeNames` does. */
export async function removeFromBucket(
  location: string,
  choice: RemovalChoice & { dryRun: boolean },
  connection: ConnectionOptions,
): Promise<RemovalReport> {
  const store = await openBucketForWriting(location, connection);
  try {
    return await removeBucketNames(store, choice);
  } finally {
    await store.close();
  }
}
