import type { Advice } from '../../errors.js';

/** Matches messages that say nothing except that access is denied. */
const SAYS_NO_MORE =
  /^(?:[A-Z_]+(?:: ?|$))?(?:(?:requested )?access (?:to the (?:requested )?resource )?(?:is )?denied|denied|forbidden|permission denied|not authorized|unauthorized|authentication (?:is )?required|insufficient[ _]scope)?[.!]?$/i;

/** A user's credential for a registry. Exactly one of its three forms is set. */
export interface Credential {
  username?: string | undefined;
  password?: string | undefined;
  /** Exchanged for tokens at the token service (docker's `identitytoken`, an OAuth2 refresh token). */
  identityToken?: string | undefined;
  /** Sent to the registry unchanged (docker's `registrytoken`). */
  registryToken?: string | undefined;
  /** Where it was found, for messages: the options, a file, a helper. Never contains a secret. */
  source: string;
}

/** Looks up the credential for a repository; undefined means anonymous. */
export type CredentialProvider = (
  registry: string,
  repository: string | undefined,
  signal?: AbortSignal | undefined,
) => Promise<Credential | undefined>;

/** Returns the hint for a 401 or 403. `said` is the registry's message, and `credential` the one that was used. */
export function credentialAdvice(
  status: number | undefined,
  registry: string,
  credential: Credential | undefined,
  said = '',
): Advice {
  // The registry gives a reason such as a quota, a policy or a locked tag: other credentials would not help.
  if (status === 403 && !SAYS_NO_MORE.test(said)) {
    const who =
      credential === undefined ? 'without credentials' : `with the credentials from ${credential.source}`;
    return { hint: `The message above has the reason that ${registry} gave; the request was made ${who}.` };
  }
  if (credential === undefined) {
    return {
      hint: `lading found no credentials for ${registry} to log in with; the repository may also not exist.`,
      remedy: 'login',
      remedyFor: registry,
    };
  }
  const who = `The credentials for ${registry} from ${credential.source}`;
  if (status === 403)
    return { hint: `${who} do not allow this; ask the owner of the repository for access.` };
  return {
    hint: `${who} were refused: they may be wrong or out of date, or have no access to this repository.`,
    remedy: 'login',
    remedyFor: registry,
  };
}
