import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LadingError, messageOf, systemCode } from '../../errors.js';
import { type ConfiguredRegistry, joinConfs, type RegistriesConf } from './registries-conf.js';

/** Where `registries.conf` is looked for. */
export interface RegistriesPlaces {
  /** `CONTAINERS_REGISTRIES_CONF` and `XDG_CONFIG_HOME`; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Default the user's home. */
  home?: string | undefined;
  /** Default `/etc/containers`. */
  system?: string | undefined;
}

/**
 * Reads the user's `registries.conf`, else the system's, and the files of `registries.conf.d` in the order of their
 * names; undefined where they say nothing of registries. (containers-registries.conf(5), containers-registries.conf.d(5))
 */
export async function loadRegistriesConf({
  environment = process.env,
  home = homedir(),
  system = '/etc/containers',
}: RegistriesPlaces = {}): Promise<RegistriesConf | undefined> {
  const user = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'containers');
  const named = environment.CONTAINERS_REGISTRIES_CONF || environment.REGISTRIES_CONFIG_PATH;
  const own = join(user, 'registries.conf');
  const hasOwn = !named && (await exists(own));
  const main = named || (hasOwn ? own : join(system, 'registries.conf'));
  // Who has a file of their own has done with the system's.
  const folders = hasOwn ? [user] : [system, user];
  const files = [main, ...(await Promise.all(folders.map(dropIns))).flat()];
  const tables: ConfiguredRegistry[][] = [];
  for (const file of files) tables.push(await readTables(file, { mustExist: file === named }));
  if (tables.every(({ length }) => length === 0)) return undefined;
  return joinConfs(tables);
}

const TABLES = /^\s*(\[+\s*["']?registr(y|ies)\b|["']?registry["']?\s*=)/m;

/** Most files have comments and names of search registries only: the parser is loaded for those that have more. */
async function readTables(
  file: string,
  { mustExist }: { mustExist: boolean },
): Promise<ConfiguredRegistry[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const isAbsent = systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
    if (isAbsent && !mustExist) return [];
    throw new LadingError(isAbsent ? 'NOT_FOUND' : 'IO', `cannot read ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!TABLES.test(text)) return [];
  return (await import('./registries-toml.js')).parseRegistriesConf(text, file);
}

async function dropIns(folder: string): Promise<string[]> {
  const drops = join(folder, 'registries.conf.d');
  try {
    const names = (await readdir(drops)).filter((name) => name.endsWith('.conf')).sort();
    const files: string[] = [];
    for (const name of names) if (!(await isNoFile(join(drops, name)))) files.push(join(drops, name));
    return files;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}

/** A folder or a pipe. What cannot be looked at is none: reading it tells why, since it may block a registry. */
async function isNoFile(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isFile();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
