import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { LadingError, systemCode } from '../../errors.js';
import { type CredentialConfig, parseCredentialConfig, readCredentialFile } from './credential-file.js';

/** What says where credentials are kept. */
export interface CredentialPlaceOptions {
  /** A file that the user named: no other place is looked at then, and it must exist. */
  authFile?: string | undefined;
  /** Variables that name or hold credentials, and what helpers run with; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Default the user's home. */
  home?: string | undefined;
  /** Default `process.platform`. */
  platform?: NodeJS.Platform | undefined;
  /** Default the user's number. */
  uid?: number | undefined;
}

/** A document of credentials: nothing is read before a registry asks. */
export interface CredentialPlace {
  /** A file's path, or the name of a variable. */
  name: string;
  /** Whose file it is: docker's, podman's, the one of docker before 1.7, or one that the user named. */
  kind: 'docker' | 'podman' | 'legacy' | 'named' | 'variable';
  /** Undefined when there is none. */
  read(): Promise<CredentialConfig | undefined>;
}

/** The places where credentials may be, in the order in which they are looked at. */
export function listPlaces({
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

/** What podman keeps until the next start of the machine, on Linux only. (containers-auth.json(5), "FILES") */
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
 * Nothing of a user's own lies in a folder that this user may not enter: `/run/containers` is root's once root has
 * run podman, and `su` leaves the variable that names the folder of the user before.
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
