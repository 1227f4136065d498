import { readProfile } from '../../s3/credentials/shared-files.js';
import { placeIn } from '../../s3/given-place.js';
import type { S3Options } from '../../s3/options.js';

/**
 * Returns the endpoint and the region of buckets that the environment or the profile names; undefined members are Amazon's
 * defaults.
 */
export async function bucketPlace(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Pick<S3Options, 'endpoint' | 'region'>> {
  return placeIn(environment, await readProfile(environment));
}
