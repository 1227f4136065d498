import type { GivenPlace } from './address.js';
import type { Profile } from './credentials/shared-files.js';

/**
 * Returns what the environment says of the place of buckets, or else the profile. (AWS SDKs and Tools Reference Guide,
 * "Service-specific endpoints" and "AWS Region")
 */
export function placeIn(environment: NodeJS.ProcessEnv, { members }: Profile): GivenPlace {
  return {
    endpoint: environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || members.get('endpoint_url'),
    region: environment.AWS_REGION || environment.AWS_DEFAULT_REGION || members.get('region'),
  };
}
