import { type BucketAddress, formatBucketAddress, parseBucketAddress } from '../../s3/address.js';
import { type BucketConnection, connectToBucket, type Surroundings } from '../../s3/connect.js';
import { BucketSource } from './bucket-source.js';
import { BucketStore, type BucketStoreOptions } from './bucket-store.js';
import { BucketKeys } from './keys.js';

/**
 * Opens the images in a bucket for reading, `s3://BUCKET[/PREFIX]`; rejects with `NOT_FOUND` if there are none. With
 * `lists`, names and attachments are listed at the same time, which saves a round trip if they are wanted next.
 */
export async function openBucket(
  text: string,
  { lists = false, ...options }: BucketConnection & { lists?: boolean | undefined } = {},
  surroundings?: Surroundings,
): Promise<BucketSource> {
  const { client, keys, location } = await connect(parseBucketAddress(text), options, surroundings);
  const source = new BucketSource(client, keys, location);
  try {
    await Promise.all([
      source.requireLayout(),
      lists && source.bucketNames.listed(),
      lists && source.attachments.version(),
    ]);
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Opens a bucket for writing. Nothing is sent before the first push, and no layout need be there. */
export async function openBucketForWriting(
  text: string,
  options: BucketConnection & Pick<BucketStoreOptions, 'noClobber'> = {},
  surroundings?: Surroundings,
): Promise<BucketStore> {
  const { onEvent, s3 } = options;
  const signing = { ...options, needsKey: true };
  const { client, keys, location } = await connect(parseBucketAddress(text), signing, surroundings);
  return new BucketStore(client, keys, location, {
    s3,
    noClobber: options.noClobber,
    now: surroundings?.now,
    wait: surroundings?.wait,
    onWarning: (message) => onEvent?.({ type: 'warning', message }),
  });
}

async function connect(
  address: BucketAddress,
  options: BucketConnection,
  surroundings: Surroundings | undefined,
) {
  const client = await connectToBucket(address, options, surroundings);
  return { client, keys: new BucketKeys(address.prefix), location: formatBucketAddress(address) };
}
