import { parseReference } from '../../content/reference.js';
import { isLadingError } from '../../errors.js';
import type { Credential } from '../../registry/auth/credential.js';
import { findHelper, findInAuths, findStore, serverURLOf } from '../../registry/auth/credential-file.js';
import { askCredentialHelper } from '../../registry/auth/credential-helper.js';
import {
  type CredentialPlace,
  type CredentialPlaceOptions,
  listPlaces,
} from '../../registry/auth/credential-places.js';
import { findExplicit } from '../../registry/auth/credentials.js';
import { type RunCredentials, scopeCredentials } from '../../registry/auth/run-credentials.js';
import { parseHost } from './login.js';

/** What one place has for a registry; never contains a secret. */
export interface ExplainedPlace {
  /** The options of the run, a variable, or a file. */
  place: string;
  /**
   * `used`: the first answer, which wins; `later`: it has an answer, too; `none`: it has no answer for this registry;
   * `missing`: the file does not exist; `failed`: it was asked, but gave no answer; `invalid`: it cannot be read, and
   * commands fail there.
   */
  state: 'used' | 'later' | 'none' | 'missing' | 'failed' | 'invalid';
  username?: string;
  kind?: 'password' | 'identity token' | 'registry token';
  /** The credential helper that has the secret. Helpers after the place that is used are not asked. */
  helper?: string;
  /** Why it failed or is invalid. */
  problem?: string;
}

export interface CredentialExplanation {
  registry: string;
  /** Undefined if the whole registry is meant. */
  repository: string | undefined;
  /** In the order in which they are searched. */
  places: ExplainedPlace[];
}

export interface ExplainCredentialsOptions {
  /** Logins that would be given for the run. */
  credentials?: RunCredentials | readonly RunCredentials[] | undefined;
  /** Where credentials are kept, and the environment variables to use; default: the usual places of this user. */
  places?: CredentialPlaceOptions | undefined;
  signal?: AbortSignal | undefined;
}

/** Explains which credential would be sent to a registry (`HOST` or `HOST/REPOSITORY`), and where there are others. */
export async function explainCredentials(
  target: string,
  { credentials, places = {}, signal }: ExplainCredentialsOptions = {},
): Promise<CredentialExplanation> {
  const { registry, repository } = parseTarget(target);
  const explained: ExplainedPlace[] = [];
  const explicit = findExplicit(scopeCredentials(credentials, [registry]), registry);
  if (explicit !== undefined)
    explained.push({ place: explicit.source, state: 'used', ...describe(explicit) });
  for (const place of listPlaces(places, registry)) {
    const isOver = explained.some(({ state }) => state === 'used' || state === 'invalid');
    const ask = isOver
      ? undefined
      : (suffix: string) =>
          askCredentialHelper(suffix, serverURLOf(registry), { environment: places.environment, signal });
    explained.push({ place: place.name, ...(await explain(place, registry, repository, ask)) });
  }
  return { registry, repository, places: explained };
}

type Explained = Omit<ExplainedPlace, 'place'>;
type Ask = (suffix: string) => Promise<Omit<Credential, 'source'> | undefined>;

/** Explains one place; `ask` is undefined if an earlier place has the answer. */
async function explain(
  { read }: CredentialPlace,
  registry: string,
  repository: string | undefined,
  ask: Ask | undefined,
): Promise<Explained> {
  let suffix: string | undefined;
  try {
    const config = await read();
    if (config === undefined) return { state: 'missing' };
    const found = ask === undefined ? 'later' : 'used';
    const own = findHelper(config, registry);
    const written = own ? undefined : findInAuths(config, registry, repository);
    if (written !== undefined) return { state: found, ...describe(written) };
    suffix = (own ?? findStore(config)) || undefined;
    if (suffix === undefined) return { state: 'none' };
    const helper = `docker-credential-${suffix}`;
    if (ask === undefined) return { state: 'later', helper };
    const answer = await ask(suffix);
    return answer === undefined ? { state: 'none', helper } : { state: found, helper, ...describe(answer) };
  } catch (error) {
    if (!isLadingError(error) || error.code === 'ABORTED') throw error;
    const helper = suffix === undefined ? {} : { helper: `docker-credential-${suffix}` };
    const hasFailed = error.code === 'IO' && suffix !== undefined;
    return { state: hasFailed ? 'failed' : 'invalid', ...helper, problem: error.message };
  }
}

function describe({
  username,
  identityToken,
  registryToken,
}: Omit<Credential, 'source'>): Pick<ExplainedPlace, 'username' | 'kind'> {
  const kind =
    registryToken !== undefined
      ? 'registry token'
      : identityToken !== undefined
        ? 'identity token'
        : 'password';
  return username === undefined ? { kind } : { username, kind };
}

/** Parses `HOST`, or an image name as for save, and returns its registry and repository. */
function parseTarget(target: string): { registry: string; repository: string | undefined } {
  const isName = /^[^/]+\/./.test(target) && !/^https?:\/\//.test(target) && !/\/v[12]\/?$/.test(target);
  if (!isName) return { registry: parseHost(target), repository: undefined };
  const { registry, repository } = parseReference(target);
  return { registry, repository };
}
