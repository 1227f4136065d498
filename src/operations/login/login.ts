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

/** How the registry is reached; nobody but it is asked. */
type LoginConnection = Omit<ConnectionOptions, 'credentials' | 'mirrors' | 'v1' | 'authFile'>;

export interface LoginOptions extends LoginConnection {
  username: string;
  password: string;
  /** Where the credentials are kept, and with which variables; default the usual places of this user. */
  places?: CredentialPlaceOptions | undefined;
}

export interface LoginResult {
  registry: string;
  username: string;
  stored: StoredLogin;
  /** False when the registry lets everybody in, and so did not look at the login. */
  verified: boolean;
}

/**
 * Shows a login to a registry and keeps it, when it is right, where docker, podman and lading find it. Rejects with
 * `UNAUTHORIZED` when the registry refuses it; nothing is stored then.
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
  if (!verified) warn(`${registry} lets everybody in: whether the login is right is not known`);
  const used = await createCredentialProvider({ ...places, onWarning: warn })(registry, undefined);
  if (used?.username !== username || used.password !== password)
    warn(`the login is stored, but ${used?.source ?? 'nothing'} is what is used for ${registry}`);
  return { registry, username, stored, verified };
}

export interface LogoutOptions {
  /** Where the credentials are kept, and with which variables; default the usual places of this user. */
  places?: CredentialPlaceOptions | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
}

export interface LogoutResult {
  /** Undefined where all logins were removed. */
  registry: string | undefined;
  /** What was taken out, by file and by helper; empty when there was no login. */
  removed: { file: string; keys: string[]; helpers: string[] }[];
}

/**
 * Forgets the logins of a registry, or of all (without `host`), in every file that is looked at, and its helpers. A file
 * or helper that fails does not keep the others from it: the first failure is thrown in the end, the others are warned of.
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

/** A file that cannot be changed is a failure beside others. */
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
    // A named file that was never written.
    if (isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** A file that is named for a login need not be there yet. */
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
      hint: 'Check the name and the password; many registries take an access token instead of the password.',
    });
  } finally {
    await client.close();
  }
}

/** A registry as users name it, who also copy it from a browser or from docker's file. */
export function parseHost(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/(\/v[12])?\/*$/, '');
  const registry = host === 'index.docker.io' || host === 'registry-1.docker.io' ? DOCKER_HUB : host;
  if (isRegistry(registry)) return registry;
  throw new LadingError('USAGE', `"${text}" is not a registry`, {
    hint: 'A registry is HOST[:PORT], as before the first slash of an image name.',
  });
}
