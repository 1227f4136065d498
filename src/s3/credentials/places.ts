import { LadingError } from '../../errors.js';
import type { Transport } from '../../registry/http/transport.js';
import { amazonDomain } from '../address.js';
import type { CredentialPlace } from './credentials.js';
import { keyOfContainer, keyOfInstance } from './machines.js';
import { assumeRole } from './roles.js';
import { keyInProfile, type Profile } from './shared-files.js';

export interface PlacesOptions {
  environment: NodeJS.ProcessEnv;
  profile: Profile;
  region: string;
  /** For services of Amazon. */
  transport: Transport;
  /** For services of the machine, which no proxy can reach. */
  direct: Transport;
}

/**
 * Returns where a key may be, in the order of Amazon's tools: the environment, a web identity, the profile, the
 * container, the machine.
 */
export function credentialPlaces({
  environment,
  profile,
  region,
  transport,
  direct,
}: PlacesOptions): CredentialPlace[] {
  const { members } = profile;
  const endpoint = environment.AWS_ENDPOINT_URL_STS || `https://sts.${region}.${amazonDomain(region)}/`;
  const role =
    (tokenFile: string | undefined, roleARN: string | undefined, name: string | undefined): CredentialPlace =>
    async (signal) => {
      if (!tokenFile || !roleARN) return undefined;
      const sessionName = name || 'lading';
      return assumeRole({ tokenFile, roleARN, sessionName }, { transport, endpoint }, signal);
    };
  return [
    async () => keyInEnvironment(environment),
    role(
      environment.AWS_WEB_IDENTITY_TOKEN_FILE,
      environment.AWS_ROLE_ARN,
      environment.AWS_ROLE_SESSION_NAME,
    ),
    async () => keyInProfile(profile, environment),
    role(members.get('web_identity_token_file'), members.get('role_arn'), members.get('role_session_name')),
    (signal) => keyOfContainer(direct, environment, signal),
    (signal) => keyOfInstance(direct, environment, signal),
  ];
}

/** Throws `UNAUTHORIZED` for a key without its secret, as botocore does: a key of another place was not meant. */
function keyInEnvironment(environment: NodeJS.ProcessEnv): Awaited<ReturnType<CredentialPlace>> {
  const { AWS_ACCESS_KEY_ID: accessKeyID, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (!accessKeyID) return undefined;
  if (!secretAccessKey)
    throw new LadingError('UNAUTHORIZED', 'AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY', {
      hint: 'Set both, or neither to have the key looked for elsewhere.',
    });
  const sessionToken = environment.AWS_SESSION_TOKEN || undefined;
  return { accessKeyID, secretAccessKey, sessionToken, expiresAt: undefined, origin: 'the environment' };
}
