import type { Advice } from '../../errors.js';
import type { Credential } from './credential.js';

/** What registries say where they say no more than that they refuse. */
const SAYS_NO_MORE =
  /^(?:[A-Z_]+(?:: ?|$))?(?:(?:requested )?access (?:to the (?:requested )?resource )?(?:is )?denied|denied|forbidden|permission denied|not authorized|unauthorized|authentication (?:is )?required|insufficient[ _]scope)?[.!]?$/i;

/** What to do about a 401 or 403, by what the registry `said` and as whom it was asked. */
export function credentialAdvice(
  status: number | undefined,
  registry: string,
  credential: Credential | undefined,
  said = '',
): Advice {
  // A quota, a policy, a locked tag: credentials would not help.
  if (status === 403 && !SAYS_NO_MORE.test(said)) {
    const who =
      credential === undefined ? 'without credentials' : `with the credentials from ${credential.source}`;
    return { hint: `${registry} gives its reason above; it was asked ${who}.` };
  }
  if (credential === undefined) {
    return {
      hint: `lading found no credentials for ${registry} to log in with; the repository may also not exist.`,
      remedy: 'login',
      remedyFor: registry,
    };
  }
  const who = `The credentials for ${registry} from ${credential.source}`;
  return {
    hint:
      status === 403
        ? `${who} do not allow this; ask the owner of the repository for access.`
        : `${who} were refused; log in again, or check that they may read this repository.`,
  };
}
