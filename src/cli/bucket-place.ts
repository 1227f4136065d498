import { bucketPlace } from '../index.js';
import type { BucketArguments } from './bucket-flags.js';

/**
 * Returns the flags with the endpoint and the region that this machine's environment or profile names, for what is printed
 * here and run elsewhere: without them it would ask Amazon.
 */
export async function withBucketPlace<Flags extends BucketArguments>(flags: Flags): Promise<Flags> {
  const { endpoint, region } = await bucketPlace();
  return {
    ...flags,
    's3-endpoint': flags['s3-endpoint'] ?? endpoint,
    's3-region': flags['s3-region'] ?? region,
  };
}
