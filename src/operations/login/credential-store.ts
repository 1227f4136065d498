import { dirname } from 'node:path';
import fs from 'fs-extra';
import { writeFileAtomically } from '../../disk/disk.js';
import { acquireLock } from '../../disk/lock.js';
import { requireNoStranger } from '../../disk/own-file.js';
import { makeFolder } from '../../disk/own-folder.js';
import { isLadingError, LadingError, messageOf, systemCode } from '../../errors.js';
import {
  type CredentialConfig,
  findHelper,
  findStore,
  keysOfRegistry,
  parseCredentialConfig,
  serverURLOf,
} from '../../registry/auth/credential-file.js';
import { eraseWithHelper, storeWithHelper } from '../../registry/auth/credential-helper.js';
import type { CredentialPlace } from '../../registry/auth/credential-places.js';

/** Where a login was stored or removed. */
export interface StoredLogin {
  /** The configuration file. */
  file: string;
  /** The credential helper that has the secret, if it is not in the file. */
  helper?: string;
}

interface HelperOptions {
  signal?: AbortSignal | undefined;
  environment?: NodeJS.ProcessEnv | undefined;
}

/**
 * Returns the file that a login is stored in: one that already names the registry, so that the new login replaces the
 * old one; else docker's, which all tools read; else podman's, on a machine that has only that.
 */
export async function chooseFile(places: readonly CredentialPlace[], registry: string): Promise<string> {
  const files = places.filter(({ kind }) => kind !== 'variable' && kind !== 'legacy');
  const named = files.find(({ kind }) => kind === 'named');
  if (named !== undefined) return named.name;
  const existing: CredentialPlace[] = [];
  for (const place of files) {
    const config = await place.read();
    if (config === undefined) continue;
    if (namesRegistry(config, registry)) return place.name;
    existing.push(place);
  }
  const chosen =
    existing.find(({ kind }) => kind === 'docker') ??
    existing[0] ??
    files.find(({ kind }) => kind === 'docker');
  if (chosen === undefined) throw new LadingError('USAGE', 'there is no file to store a login in');
  return chosen.name;
}

function namesRegistry({ auths, credHelpers }: CredentialConfig, registry: string): boolean {
  return keysOfRegistry([...auths.keys(), ...credHelpers.keys()], registry).length > 0;
}

/** Stores a login as docker does: with the helper that the file names for the registry, or else in the file itself. */
export async function storeLogin(
  file: string,
  registry: string,
  { username, password }: { username: string; password: string },
  options: HelperOptions = {},
): Promise<StoredLogin> {
  const serverURL = serverURLOf(registry);
  return editFile(file, options, async (config, document) => {
    const helper = helperFor(config, registry);
    if (helper !== undefined)
      await storeWithHelper(helper, { serverURL, username, secret: password }, options);
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    for (const key of keysOfRegistry(config.auths.keys(), registry)) delete document.auths[key];
    // An empty entry means that the helper has the login.
    document.auths[serverURL] = helper === undefined ? { auth } : {};
    return helper === undefined ? { file } : { file, helper: `docker-credential-${helper}` };
  });
}

/** What was removed from a file and its helpers. */
export interface RemovedLogins {
  /** The registries as the file named them. */
  keys: string[];
  helpers: string[];
  /** Errors of helpers, which may still have a login. */
  failures: LadingError[];
}

/**
 * Removes the logins of a registry, or all, from a file and its helpers. If a helper fails, the logins in the file and
 * in other helpers are still removed.
 */
export async function removeLogins(
  file: string,
  registry: string | undefined,
  options: HelperOptions = {},
): Promise<RemovedLogins> {
  if (!(await fs.pathExists(file))) return { keys: [], helpers: [], failures: [] };
  return editFile(file, options, async (config, document) => {
    const all = [...config.auths.keys()];
    const keys = registry === undefined ? all : keysOfRegistry(all, registry);
    const servers =
      registry === undefined
        ? [...new Set([...all, ...config.credHelpers.keys()])]
        : [serverURLOf(registry), ...keys];
    const helpers = new Set<string>();
    const failures: LadingError[] = [];
    for (const server of new Set(servers)) {
      const helper = helperFor(config, registry ?? server);
      if (helper === undefined) continue;
      try {
        await eraseWithHelper(helper, server, options);
        helpers.add(`docker-credential-${helper}`);
      } catch (error) {
        if (!isLadingError(error) || error.code === 'ABORTED') throw error;
        failures.push(error);
      }
    }
    for (const key of keys) delete document.auths[key];
    return { keys, helpers: [...helpers], failures };
  });
}

function helperFor(config: CredentialConfig, registry: string): string | undefined {
  return (findHelper(config, registry) ?? findStore(config)) || undefined;
}

/** A configuration file; only its `auths` is changed. */
interface Document {
  auths: Record<string, unknown>;
}

/** Edits a file while holding its lock. Other members are kept, and only the user can read the result. */
async function editFile<T>(
  path: string,
  { signal }: HelperOptions,
  edit: (config: CredentialConfig, document: Document) => Promise<T>,
): Promise<T> {
  const folder = dirname(path);
  try {
    await makeFolder(folder, 0o700);
  } catch (error) {
    throw new LadingError('IO', `${folder} cannot be made: ${messageOf(error)}`, { cause: error });
  }
  // Keep a link in place: users who version their configuration files link to them.
  const file = await realPath(path);
  for (const place of [path, file]) await requireNoStranger(place);
  const lock = await acquireLock(file, { signal });
  try {
    const text = await readText(file);
    const config = parseCredentialConfig(text, path);
    const { document, auths } = parseDocument(text);
    const before = JSON.stringify(document);
    const result = await edit(config, { auths });
    lock.assertHeld();
    if (JSON.stringify(document) !== before) {
      const bytes = Buffer.from(`${JSON.stringify(document, undefined, '\t')}\n`);
      await writeFileAtomically(file, bytes, { mode: 0o600, alone: true });
    }
    return result;
  } finally {
    await lock.release();
  }
}

/** `parseCredentialConfig` has checked that the text is an object, and that `auths` is one. */
function parseDocument(text: string): { document: object; auths: Record<string, unknown> } {
  const content = text.replace(/^\ufeff/, '').trim();
  const document: Record<string, unknown> = JSON.parse(content === '' ? '{}' : content) ?? {};
  const name = Object.keys(document).find((key) => key.toLowerCase() === 'auths') ?? 'auths';
  const auths: Record<string, unknown> = Object(document[name] ?? {});
  document[name] = auths;
  return { document, auths };
}

async function realPath(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return path;
    throw error;
  }
}

async function readText(file: string): Promise<string> {
  try {
    if ((await fs.stat(file)).isFile()) return await fs.readFile(file, 'utf8');
    throw new Error('it is not a file');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw new LadingError('IO', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}
