import { isLadingError } from '../../errors.js';
import type { Credential, CredentialProvider } from './credential.js';
import { type CredentialConfig, findHelper, findInAuths, findStore, serverURLOf } from './credential-file.js';
import { askCredentialHelper, type HelperAnswer } from './credential-helper.js';
import { type CredentialPlace, type CredentialPlaceOptions, listPlaces } from './credential-places.js';

export interface CredentialOptions extends CredentialPlaceOptions {
  /** Logins that the user gave for this run, one per registry; they take precedence over all other places. */
  explicit?: readonly ExplicitCredential[] | undefined;
  /** Called when a helper fails; it then counts as having no credential. */
  onWarning?: ((text: string) => void) | undefined;
}

export interface ExplicitCredential {
  username: string;
  password: string;
  /** The only registry to which it is sent. */
  registry: string;
  /** The name of its source in messages. */
  source: string;
}

/**
 * Looks in every place where users keep credentials and returns the first one found: the logins for this run,
 * `authFile`, `DOCKER_AUTH_CONFIG`, `REGISTRY_AUTH_FILE`, podman's `auth.json`, docker's `config.json`,
 * `~/.dockercfg`. Each place is read once, and each helper is asked once per server.
 */
export function createCredentialProvider(options: CredentialOptions = {}): CredentialProvider {
  const known = new Map<string, Pick<CredentialPlace, 'name' | 'read'>>();
  /** Registries share a place, which is read once. */
  const placesOf = (registry: string): Pick<CredentialPlace, 'name' | 'read'>[] =>
    listPlaces(options, registry).map(({ name, read }) => {
      const place = known.get(name) ?? { name, read: once(read) };
      known.set(name, place);
      return place;
    });
  const askHelper = createHelpers(options);

  return async (registry, repository, signal) => {
    const explicit = findExplicit(options.explicit, registry);
    if (explicit !== undefined) return explicit;
    for (const { name, read } of placesOf(registry)) {
      const config = await read();
      if (config === undefined) continue;
      const found = await findIn(config, name, registry, repository, (suffix) =>
        askHelper(suffix, serverURLOf(registry), signal),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/**
 * Looks in one file: uses only the host's own helper if it has one, else the entry in the file, else the store for all
 * hosts.
 */
async function findIn(
  config: CredentialConfig,
  source: string,
  registry: string,
  repository: string | undefined,
  ask: (suffix: string) => Promise<HelperAnswer | undefined>,
): Promise<Credential | undefined> {
  const helper = findHelper(config, registry);
  if (!helper) {
    const written = findInAuths(config, registry, repository);
    if (written !== undefined) return { ...written, source };
  }
  const suffix = helper ?? findStore(config);
  const answer = suffix ? await ask(suffix) : undefined;
  return answer && { ...answer, source: `docker-credential-${suffix} (named in ${source})` };
}

export function findExplicit(
  explicit: readonly ExplicitCredential[] = [],
  wanted: string,
): Credential | undefined {
  const found = explicit.find(({ registry }) => registry === wanted);
  return found && { username: found.username, password: found.password, source: found.source };
}

/**
 * Asks each helper once per server. A helper that fails is reported and counts as having no credential, as in docker,
 * so that public images can be read on a machine without it.
 */
function createHelpers({ environment, onWarning }: CredentialOptions) {
  const answers = new Map<string, Promise<HelperAnswer | undefined>>();
  return (suffix: string, serverURL: string, signal: AbortSignal | undefined) => {
    const key = `${suffix} ${serverURL}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = askCredentialHelper(suffix, serverURL, { environment, signal }).catch((error: unknown) => {
      if (!isLadingError(error, 'IO')) {
        answers.delete(key);
        throw error;
      }
      onWarning?.(error.message);
      return undefined;
    });
    answers.set(key, answer);
    return answer;
  };
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= read();
    return result;
  };
}
