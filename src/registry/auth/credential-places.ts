import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { LadingError, systemCode } from '../../errors.js';
import { type CredentialConfig, parseCredentialConfig, readCredentialFile } from './credential-file.js';

/** Options that say where to look for credentials. */
export interface CredentialPlaceOptions {
  /** A file that the user names: the only place to look; it must exist. */
  authFile?: string | undefined;
  /** `HOST[:PORT]` → the only place to look for the login of this registry. */
  registries?: Readonly<Record<string, OwnPlace>> | undefined;
  /** Variables that name or hold credentials; also the helpers' environment. Default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Default: the user's home folder. */
  home?: string | undefined;
  /** Default: `process.platform`. */
  platform?: NodeJS.Platform | undefined;
  /** Default: the user's ID. */
  uid?: number | undefined;
}

/** Where the login of one registry is. A helper counts before a file. */
export interface OwnPlace {
  authFile?: string | undefined;
  /** The suffix of a program `docker-credential-SUFFIX`. */
  credentialHelper?: string | undefined;
}

/** A file or variable that may hold credentials; it is read only when a registry asks for them. */
export interface CredentialPlace {
  /** The path of the file, or the name of the variable. */
  name: string;
  /**
   * The kind of place: a file of docker, of podman, of docker before 1.7, or one that the user named; a variable; or
   * only a helper.
   */
  kind: 'docker' | 'podman' | 'legacy' | 'named' | 'variable' | 'helper';
  /** Resolves with undefined if the file does not exist. */
  read(): Promise<CredentialConfig | undefined>;
}

/**
 * Lists the places where the credential of a registry may be, in the order in which to look; without a registry, those
 * for all registries.
 */
export function listPlaces(options: CredentialPlaceOptions, registry?: string): CredentialPlace[] {
  const { registries = {} } = options;
  const own =
    registry !== undefined && Object.hasOwn(registries, registry) ? registries[registry] : undefined;
  const { credentialHelper, authFile } = own ?? {};
  if (registry === undefined || credentialHelper === undefined)
    return listUsualPlaces(authFile === undefined ? options : { ...options, authFile });
  const name = `the settings of ${registry}`;
  const config = JSON.stringify({ credHelpers: { [registry]: credentialHelper } });
  return [{ name, kind: 'helper', read: async () => parseCredentialConfig(config, name) }];
}

function listUsualPlaces({
  authFile,
  environment = process.env,
  home = homedir(),
  platform = process.platform,
  uid = process.getuid?.(),
}: CredentialPlaceOptions): CredentialPlace[] {
  if (authFile !== undefined) return [{ name: authFile, kind: 'named', read: () => readRequired(authFile) }];
  const places: CredentialPlace[] = [];
  const inline = environment.DOCKER_AUTH_CONFIG;
  if (inline) {
    const name = 'DOCKER_AUTH_CONFIG';
    places.push({ name, kind: 'variable', read: async () => parseCredentialConfig(inline, name) });
  }
  const file = (name: string, kind: CredentialPlace['kind']): CredentialPlace => {
    return { name, kind, read: () => readCredentialFile(name, { isLegacy: kind === 'legacy' }) };
  };
  const only = environment.REGISTRY_AUTH_FILE;
  if (only) return [...places, file(only, 'named')];
  return [
    ...places,
    ...runtimeFiles(environment, platform, uid).map((name): CredentialPlace => {
      return { name, kind: 'podman', read: () => readIfReachable(name) };
    }),
    file(join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'containers', 'auth.json'), 'podman'),
    file(join(environment.DOCKER_CONFIG || join(home, '.docker'), 'config.json'), 'docker'),
    file(join(home, '.dockercfg'), 'legacy'),
  ];
}

/** The file that podman keeps until the next boot, on Linux only. (containers-auth.json(5), "FILES") */
function runtimeFiles(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
  uid: number | undefined,
): string[] {
  const own = uid === undefined ? undefined : `/run/containers/${uid}`;
  const folder = environment.XDG_RUNTIME_DIR ? join(environment.XDG_RUNTIME_DIR, 'containers') : own;
  return platform === 'linux' && folder !== undefined ? [join(folder, 'auth.json')] : [];
}

/**
 * Like `readCredentialFile`, but returns undefined if this user may not enter the folder, because the file then belongs
 * to another user: `/run/containers` belongs to root once root has run podman, and after `su` the variable still names
 * the previous user's folder.
 */
async function readIfReachable(file: string): Promise<CredentialConfig | undefined> {
  try {
    return await readCredentialFile(file);
  } catch (error) {
    if (!(error instanceof LadingError) || systemCode(error.cause) !== 'EACCES') throw error;
    if (await mayEnter(dirname(file))) throw error;
    return undefined;
  }
}

async function mayEnter(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.X_OK);
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EACCES') throw error;
    return false;
  }
}

async function readRequired(file: string): Promise<CredentialConfig> {
  const config = await readCredentialFile(file);
  if (config === undefined) {
    throw new LadingError('NOT_FOUND', `${file}: no such file`, {
      hint: 'Such a file is written by a login of docker, podman or lading.',
      remedy: 'authFile',
    });
  }
  return config;
}
