import { DOCKER_HUB, isRegistry } from '../../content/reference.js';
import { isLadingError, LadingError, RegistryError } from '../../errors.js';
import { type OnCopyEvent, warningsTo } from '../../events.js';
import { type CredentialPlaceOptions, listPlaces } from '../../registry/auth/credential-places.js';
import { createCredentialProvider } from '../../registry/auth/credentials.js';
import { type ConnectionOptions, connect } from '../../registry/connect.js';
import {
  chooseFile,
  type RemovedLogins,
  removeLogins,
  type StoredLogin,
  storeLogin,
} from './credential-store.js';

/** Options of the connection to the registry; nothing else is contacted. */
type LoginConnection = Omit<ConnectionOptions, 'credentials' | 'mirrors' | 'v1' | 'authFile'>;

export interface LoginOptions extends LoginConnection {
  username: string;
  password: string;
  /** Where the credentials are kept, and the environment variables to use; default: the usual places of this user. */
  places?: CredentialPlaceOptions | undefined;
}

export interface LoginResult {
  registry: string;
  username: string;
  stored: StoredLogin;
  /** False if the registry allows anonymous access, so that it did not check the login. */
  verified: boolean;
}

/**
 * Checks a login with a registry and, if it is accepted, stores it where docker, podman and lading look for it. Rejects
 * with `UNAUTHORIZED`, and stores nothing, if the registry refuses it.
 */
export async function login(host: string, options: LoginOptions): Promise<LoginResult> {
  const registry = parseHost(host);
  const { username, password, places = {}, onEvent } = options;
  if (username === '') throw new LadingError('USAGE', 'a login needs the name of a user');
  const verified = await verifyLogin(registry, options);
  const file = await chooseFile(listPlaces(writable(places)), registry);
  const helperOptions = { signal: options.signal, environment: places.environment };
  const stored = await storeLogin(file, registry, { username, password }, helperOptions);
  const warn = warningsTo(onEvent);
  if (!verified) warn(`${registry} allows anonymous access, so the login could not be checked`);
  const used = await createCredentialProvider({ ...places, onWarning: warn })(registry, undefined);
  if (used?.username !== username || used.password !== password)
    warn(`the login is stored, but for ${registry} ${used?.source ?? 'nothing'} is used`);
  return { registry, username, stored, verified };
}

export interface LogoutOptions {
  /** Where the credentials are kept, and the environment variables to use; default: the usual places of this user. */
  places?: CredentialPlaceOptions | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

export interface LogoutResult {
  /** Undefined if all logins were removed. */
  registry: string | undefined;
  /** What was removed, by file and helper; empty if there was no login. */
  removed: { file: string; keys: string[]; helpers: string[] }[];
}

/**
 * Removes the logins of a registry, or all (without `host`), from every file that is searched, and from its helpers. A
 * failure does not stop the rest: at the end the first failure is thrown, and the others cause warnings.
 */
export async function logout(host: string | undefined, options: LogoutOptions = {}): Promise<LogoutResult> {
  const registry = host === undefined ? undefined : parseHost(host);
  const { places = {}, signal, onEvent } = options;
  const onWarning = warningsTo(onEvent);
  const removed: LogoutResult['removed'] = [];
  const failed: LadingError[] = [];
  for (const { name, kind } of listPlaces(writable(places))) {
    if (kind === 'variable' || kind === 'legacy') continue;
    const { keys, helpers, failures } = await removeFrom(name, registry, {
      signal,
      environment: places.environment,
    });
    failed.push(...failures);
    if (keys.length > 0 || helpers.length > 0) removed.push({ file: name, keys, helpers });
  }
  const [first, ...others] = failed;
  for (const { message } of others) onWarning(message);
  if (first !== undefined) throw first;
  if (registry !== undefined) {
    const left = await leftOver(registry, options);
    if (left !== undefined) onWarning(`${left} still has a login for ${registry}`);
  }
  return { registry, removed };
}

/** Like `removeLogins`, but returns an error about the file as one of the failures. */
async function removeFrom(...args: Parameters<typeof removeLogins>): Promise<RemovedLogins> {
  try {
    return await removeLogins(...args);
  } catch (error) {
    if (!isLadingError(error) || error.code === 'ABORTED') throw error;
    return { keys: [], helpers: [], failures: [error] };
  }
}

async function leftOver(registry: string, { places, onEvent }: LogoutOptions): Promise<string | undefined> {
  try {
    return (
      await createCredentialProvider({ ...places, onWarning: warningsTo(onEvent) })(registry, undefined)
    )?.source;
  } catch (error) {
    // The file that the options name was never written.
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Turns `authFile` into the environment variable for it, because then the file need not exist yet. */
function writable({ authFile, environment = process.env, ...places }: CredentialPlaceOptions) {
  return authFile === undefined
    ? { ...places, environment }
    : {
        ...places,
        environment: { ...environment, DOCKER_AUTH_CONFIG: undefined, REGISTRY_AUTH_FILE: authFile },
      };
}

async function verifyLogin(registry: string, options: LoginOptions): Promise<boolean> {
  const { username, password, signal } = options;
  let wasAsked = false;
  const client = await connect(options, [registry], async (asking) => {
    if (asking !== registry) return undefined;
    wasAsked = true;
    return { username, password, source: 'this login' };
  });
  try {
    await client.ping(registry, { signal });
    return wasAsked;
  } catch (error) {
    if (!isLadingError(error, 'UNAUTHORIZED', 'DENIED')) throw error;
    throw new RegistryError(error.code, `${registry} refused the login of ${username}`, {
      cause: error,
      status: error instanceof RegistryError ? error.status : undefined,
      hint: 'Check the name and the password; many registries require an access token instead of the password.',
    });
  } finally {
    await client.close();
  }
}

/** Parses the host of a registry; users may also paste a URL from a browser or from docker's file. */
export function parseHost(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/(\/v[12])?\/*$/, '');
  const registry = host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host;
  if (isRegistry(registry)) return registry;
  throw new LadingError('USAGE', `"${text}" is not a registry`, {
    hint: 'A registry is HOST[:PORT], as before the first slash of an image name.',
  });
}
