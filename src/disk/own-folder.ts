import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, mkdtemp, open, readdir, realpath, rm, rmdir } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { LadingError, systemCode } from '../errors.js';
import { describeKind, ifThere } from './own-file.js';
import { thisUser } from './users.js';

// Folders that lading creates and finds again where others may write. Node.js has no openat(2): after a folder was
// checked, somebody with permission to rename it can put a link in its place. Operations by path are therefore preceded
// by a check. The most dangerous one, removing a folder with its contents, goes through a descriptor.

/** Permissions of everybody but the owner. (chmod(2)) */
const OTHERS = 0o077;
const TRIES = 5;

/** Creates a folder and its parents. `mkdir` with `recursive` never returns where no folder can be created (/proc). */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  if ((await makeOne(path, mode)) || dirname(path) === path) return;
  await makeFolder(dirname(path), mode);
  if (!(await makeOne(path, mode)))
    throw Object.assign(new Error(`no folder in ${dirname(path)}`), { code: 'ENOENT' });
}

/** Returns false if the parent folder does not exist. */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  return true;
}

/**
 * Creates a folder below the existing folder `root`, with those between them; other processes may create or remove them
 * at the same time. Rejects with `INVALID_LAYOUT` if one of them is a link that leads out of `root`: readers do not
 * follow it, and a writer would write to a folder elsewhere.
 */
export async function makeFolderIn(root: string, path: string): Promise<void> {
  for (let tries = TRIES; ; tries--) {
    try {
      for (const folder of foldersOf(root, path)) if (!(await isFolderIn(root, folder))) await mkdir(folder);
      return;
    } catch (error) {
      if (!['EEXIST', 'ENOENT'].includes(systemCode(error) ?? '') || tries <= 1) throw error;
    }
  }
}

/** True if the folder exists; rejects as `makeFolderIn` does. */
export async function hasFolderIn(root: string, path: string): Promise<boolean> {
  for (const folder of foldersOf(root, path)) if (!(await isFolderIn(root, folder))) return false;
  return true;
}

function foldersOf(root: string, path: string): string[] {
  const names = path.split('/');
  return names.map((_, place) => join(root, ...names.slice(0, place + 1)));
}

async function isFolderIn(root: string, folder: string): Promise<boolean> {
  const found = await ifThere(() => lstat(folder));
  if (found === undefined || found.isDirectory()) return found !== undefined;
  if (found.isSymbolicLink()) {
    const [top, real] = await Promise.all([realpath(root), realIfThere(folder)]);
    if (real?.startsWith(top.endsWith(sep) ? top : top + sep) && (await lstat(real)).isDirectory())
      return true;
  }
  const kind = await describeKind(found);
  throw new LadingError('INVALID_LAYOUT', `${folder} is ${kind}, not a folder in ${root}`, {
    hint: 'Nothing was written through it. Remove it, or choose another output.',
  });
}

/** True if nobody but this user could ever enter the folder; also true on a file system without modes. */
export async function isOwnFolder(path: string): Promise<boolean> {
  const found = await lstat(path);
  if (!found.isDirectory()) return false;
  const user = thisUser();
  if (user === undefined || isLike(found, { uid: user, mode: 0 })) return true; // Windows has no users and modes
  const made = await madeIn(dirname(path));
  return made !== undefined && isLike(found, made);
}

/** Removes a folder of this user with all its contents; does nothing if it does not exist. */
export async function removeOwnFolder(path: string): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW = 0 } = constants;
  if (O_DIRECTORY === undefined) return rm(path, { recursive: true, force: true }); // Windows cannot open folders
  const folder = await ifThere(() => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (folder === undefined) return;
  try {
    // This path leads to the open folder (proc_pid_fd(5)), even if its name now leads elsewhere.
    const descriptor = `/proc/self/fd/${folder.fd}`;
    const place = (await ifThere(() => lstat(descriptor))) === undefined ? path : descriptor;
    for (const name of await readdir(place)) await rm(join(place, name), { recursive: true, force: true });
  } finally {
    await folder.close();
  }
  await ifThere(() => rmdir(path));
}

type Traits = Pick<Stats, 'uid' | 'mode'>;

function isLike(found: Traits, made: Traits): boolean {
  return found.uid === made.uid && (found.mode & OTHERS & ~made.mode) === 0;
}

async function madeIn(parent: string): Promise<Traits | undefined> {
  try {
    const path = await mkdtemp(join(parent, '.lading-'));
    const made = await lstat(path);
    await rmdir(path);
    return made;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

async function realIfThere(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
