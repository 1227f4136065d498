import { lstatSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../disk/cache-directory.js';

/** The folder of this build and this Node.js: entries of others are never read. */
const FOLDER = /^[0-9a-f]{12}-v\d+\.\d+\.\d+/;
/** So that two versions that are used in turn do not remove the code of each other. */
const KEPT_FOLDERS = 3;

/** `enableCompileCache` of `node:module`, which Node.js has since 22.1. */
type Enable = ((folder: string) => unknown) | undefined;

/**
 * Lets Node.js keep the compiled code of the program in the user's cache folder, and load it from there the next time,
 * which saves an eighth of a short command. Does nothing where that is not possible. `build` identifies the code.
 * (https://nodejs.org/api/module.html#module-compile-cache)
 */
export function keepCompiledCode(
  build: string,
  enable: Enable = (module as { enableCompileCache?: Enable }).enableCompileCache, // not in the types of Node.js 20
): void {
  const { NODE_DISABLE_COMPILE_CACHE, NODE_COMPILE_CACHE } = process.env;
  if (enable === undefined || NODE_DISABLE_COMPILE_CACHE || NODE_COMPILE_CACHE) return;
  const cache = cacheDirectory();
  if (cache === undefined) return;
  try {
    const folder = join(cache, 'compiled', `${build}-${process.version}`);
    if (makeFolders(cache, folder)) removeOldest(dirname(folder), folder);
    if (isPrivate(folder)) enable(folder);
  } catch {
    // Compiled code can be done without, whatever the reason: no home, a read-only file system, a full disk.
  }
}

/**
 * Creates the folder and its parents, but none above the one that contains the cache folder, such as a missing home.
 * Returns false if it was there already.
 */
function makeFolders(cache: string, folder: string): boolean {
  if (isThere(folder)) return false;
  for (const path of [dirname(cache), cache, dirname(folder), folder])
    if (!isThere(path)) mkdirSync(path, { mode: 0o700 });
  return true;
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** True if only this user, or root, can write to the folder or put another one in its place: its code is run. */
function isPrivate(folder: string): boolean {
  const user = process.geteuid?.();
  if (user === undefined) return true; // Windows: the folder is in the user's profile
  const real = realpathSync.native(folder);
  for (let path = real; ; path = dirname(path)) {
    const { uid, mode } = lstatSync(path);
    const isOurs = uid === user || (uid === 0 && path !== real);
    const isSticky = (mode & 0o1000) !== 0 && path !== real; // as /tmp: others cannot rename what is ours in it
    if (!isOurs || ((mode & 0o022) !== 0 && !isSticky)) return false;
    if (path === dirname(path)) return true;
  }
}

/** Removes what other versions have left, except for the newest folders. */
function removeOldest(directory: string, current: string): void {
  if (!isPrivate(directory)) return;
  const others = readdirSync(directory)
    .filter((name) => FOLDER.test(name) && join(directory, name) !== current)
    .map((name) => ({ path: join(directory, name), at: lstatSync(join(directory, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of others.slice(KEPT_FOLDERS - 1)) rmSync(path, { recursive: true, force: true });
}
