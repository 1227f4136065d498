import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFailure } from '../../disk/region.js';
import { systemCode } from '../../errors.js';
import { type ConfiguredRegistry, joinConfs, type RegistriesConf } from './registries-conf.js';

/** Where to look for `registries.conf`. */
export interface RegistriesPlaces {
  /** `CONTAINERS_REGISTRIES_CONF` (or `REGISTRIES_CONFIG_PATH`) and `XDG_CONFIG_HOME`; default `process.env`. */
  environment?: NodeJS.ProcessEnv | undefined;
  /** Default: the user's home folder. */
  home?: string | undefined;
  /** Default `/etc/containers`. */
  system?: string | undefined;
}

/**
 * Reads the user's `registries.conf`, else the system's, and the files of `registries.conf.d` in the order of their
 * names; undefined if they contain nothing about registries. Throws `USAGE`, `IO`, or `NOT_FOUND` for a missing file
 * that a variable names. (containers-registries.conf(5), containers-registries.conf.d(5))
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
  // If the user has an own file, the system's folder is not read.
  const folders = hasOwn ? [user] : [system, user];
  const files = [main, ...(await Promise.all(folders.map(dropIns))).flat()];
  const tables: ConfiguredRegistry[][] = [];
  for (const file of files) tables.push(await readTables(file, { mustExist: file === named }));
  if (tables.every(({ length }) => length === 0)) return undefined;
  return joinConfs(tables);
}

const TABLES = /^\s*(\[+\s*["']?registr(y|ies)\b|["']?registry["']?\s*=)/m;

/** Most files have only comments and names of search registries; the parser is loaded for the others. */
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
    throw readFailure(file, error);
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

/**
 * Whether this is a folder or a pipe. False if it cannot be examined: the file may block a registry, so reading it has
 * to report the error.
 */
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
