import { randomUUID } from 'node:crypto';
import { constants, fstatSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LadingError, systemCode } from '../errors.js';
import { describeUser, thisUser } from './users.js';

// Files whose names others can guess, in folders that others may write to. Whoever can make a file there could put a link
// to another file in its place, a pipe that is never read, or content of their own to go on from. Every such file is
// opened here: made anew with O_EXCL, or found and used only when nobody else can have made or changed it.

/** A link is not followed (open(2), O_NOFOLLOW), and a pipe without a reader is not waited for (O_NONBLOCK). */
export const CAREFUL = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Write permission of the group and of all others. (chmod(2)) */
const WRITABLE_BY_OTHERS = 0o022;
const DEFAULT_MODE = 0o644;
/** How often a file may come and go between two calls. */
const TRIES = 10;

/** What lies under a name that lading chose is not a file that this user alone has made. */
export class UnsafeFileError extends LadingError {
  override readonly name = 'UnsafeFileError';
}

export interface OwnFileOptions {
  /** Make the file when it is not there; default true. Without, rejects with the system's `ENOENT`. */
  create?: boolean | undefined;
  /** Of a file that is made, before the umask; default 0644. */
  mode?: number | undefined;
  /** Write at the end, wherever that is; default by position. */
  append?: boolean | undefined;
}

/**
 * Opens a file to read and write, with what this user has left in it. Rejects with an `UnsafeFileError` that names the
 * path and its owner when it is anything but a regular file with one name, made here by this user, that nobody else
 * may write to.
 */
export async function openOwnFile(
  path: string,
  { create = true, mode = DEFAULT_MODE, append = false }: OwnFileOptions = {},
): Promise<FileHandle> {
  const flags = constants.O_RDWR | (append ? constants.O_APPEND : 0);
  for (let tries = TRIES; ; tries--) {
    const made = create ? await createFile(path, { flags, mode }) : undefined;
    if (made !== undefined) return made;
    try {
      return await openFound(path, flags);
    } catch (error) {
      if (!create || systemCode(error) !== 'ENOENT' || tries <= 1) throw error;
    }
  }
}

/** Makes a file that was not there; undefined when there is anything of this name, a link that leads nowhere too. */
export async function createFile(
  path: string,
  { flags = constants.O_RDWR, mode = DEFAULT_MODE }: { flags?: number; mode?: number | undefined } = {},
): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags | constants.O_CREAT | constants.O_EXCL, mode);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

/**
 * Makes an empty file to be renamed to `path`. Who is `alone` has its name, and takes away what a killed process left
 * there. All others, and where somebody has put there what cannot be taken away, get a name that nobody can guess.
 */
export async function createTemporaryFile(
  path: string,
  { alone, mode }: { alone: boolean; mode?: number | undefined },
): Promise<{ file: FileHandle; path: string }> {
  const usual = `${path}.tmp`;
  if (alone) {
    const file = (await createFile(usual, { mode })) ?? (await createAgain(usual, mode));
    if (file !== undefined) return { file, path: usual };
  }
  const unique = `${path}.${randomUUID()}.tmp`;
  const file = await createFile(unique, { mode });
  if (file === undefined) throw new Error(`${unique} is there already`);
  return { file, path: unique };
}

async function createAgain(path: string, mode: number | undefined): Promise<FileHandle | undefined> {
  try {
    await unlink(path); // the name alone: what a link leads to, or other names of the file, stay
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
  return createFile(path, { mode });
}

/** The bytes of a file as `openOwnFile` takes one, at most `maxBytes`; undefined where it cannot be had. */
export async function readOwnFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const file = await openFound(path, constants.O_RDONLY);
    try {
      return fstatSync(file.fd).size <= maxBytes ? await file.readFile() : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof UnsafeFileError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Rejects as `openOwnFile` does, for what is at `path` by now. */
export async function requireOwnFile(path: string): Promise<void> {
  await requireOwn(path, await lstat(path));
}

/** Whether nobody but this user can have written the file, whatever names it has; false when there is none. */
export async function isOwnFile(path: string): Promise<boolean> {
  const found = await ifThere(() => lstat(path));
  return found !== undefined && isOwn(path, found);
}

/** The same of what `lstat` has found there. */
export async function isOwn(path: string, found: Stats): Promise<boolean> {
  const reason = await whyUnsafe(found, () => madeIn(dirname(path)));
  return reason === undefined || reason === 'several names';
}

/**
 * For a name that the user chose, where a link or a pipe may be meant: rejects with an `UnsafeFileError` when what is
 * there is another user's than this one, root, or the owner of the folder, who can do there as they please anyway.
 */
export async function requireNoStranger(path: string): Promise<void> {
  const found = await ifThere(() => lstat(path));
  if (found === undefined || [thisUser() ?? found.uid, 0].includes(found.uid)) return;
  const folder = dirname(path);
  if (
    found.uid === (await ifThere(() => lstat(`${folder}/.`)))?.uid ||
    found.uid === (await madeIn(folder))?.uid
  )
    return;
  throw new UnsafeFileError(
    'NOT_WRITABLE',
    `${path} is ${await describeKind(found)}: nothing is written to it`,
    {
      hint: 'Ask that user to remove it, or choose another place.',
    },
  );
}

/** What `look` finds, undefined where the system says that there is nothing. */
export async function ifThere<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function openFound(path: string, flags: number): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(path, flags | CAREFUL);
  } catch (error) {
    // A link, a folder, a socket, or a file that its owner lets nobody write to.
    if (systemCode(error) !== 'ENOENT') await requireOwn(path, await lstat(path));
    throw error;
  }
  try {
    // Without O_NOFOLLOW (Windows) what was opened may be what a link leads to.
    await requireOwn(path, constants.O_NOFOLLOW === undefined ? await lstat(path) : fstatSync(handle.fd));
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function requireOwn(path: string, found: Stats): Promise<void> {
  const problem = await whyUnsafe(found, () => madeIn(dirname(path)));
  if (problem !== undefined) throw await unsafe(path, found, problem);
}

async function unsafe(path: string, found: Stats, reason: UnsafeReason): Promise<UnsafeFileError> {
  const what = {
    'not a file': async () => `is ${await describeKind(found)}`,
    'another owner': async () => `belongs to ${await describeUser(found.uid)}`,
    'several names': async () => 'has several names (hard links)',
    'writable by others': async () => 'may be written to by other users',
  }[reason];
  const code = reason === 'not a file' ? 'ALREADY_EXISTS' : 'NOT_WRITABLE';
  return new UnsafeFileError(code, `${path} ${await what()}: lading does not go on from it`, {
    hint:
      reason === 'another owner'
        ? 'Ask that user to finish or remove it, or choose another place.'
        : 'Remove it, or choose another place.',
  });
}

/** What it is, and whose if it is not this user's: `a symbolic link of alice (uid 1001)`. */
export async function describeKind(found: Stats): Promise<string> {
  const isOwn = found.uid === (thisUser() ?? found.uid);
  return isOwn ? kindOf(found) : `${kindOf(found)} of ${await describeUser(found.uid)}`;
}

function kindOf(found: Stats): string {
  if (found.isFile()) return 'a file';
  if (found.isSymbolicLink()) return 'a symbolic link';
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

export type UnsafeReason = 'not a file' | 'another owner' | 'several names' | 'writable by others';

/** What of a file tells whether somebody else had a hand in it. */
export type Traits = Pick<Stats, 'uid' | 'mode' | 'nlink'>;

/**
 * Why a file may be somebody else's work; undefined for one like those that this process makes. Some file systems give
 * all files one owner and one mode, and some network shares another owner than the one who writes (FAT, CIFS, NFS with
 * `root_squash`): `made` tells what a file is like that was just made in the same folder, undefined where none can be.
 */
export async function whyUnsafe(
  found: Traits & Pick<Stats, 'isFile'>,
  made: () => Promise<Traits | undefined>,
): Promise<UnsafeReason | undefined> {
  if (!found.isFile()) return 'not a file';
  const user = thisUser();
  if (user === undefined) return found.nlink > 1 ? 'several names' : undefined; // no owners, no modes: Windows
  const reason = difference(found, { uid: user, mode: 0, nlink: 1 });
  if (reason === undefined) return undefined;
  const usual = await made();
  return usual === undefined ? reason : difference(found, usual);
}

function difference(found: Traits, made: Traits): UnsafeReason | undefined {
  if (found.uid !== made.uid) return 'another owner';
  if (found.nlink > made.nlink) return 'several names';
  return (found.mode & WRITABLE_BY_OTHERS & ~made.mode) === 0 ? undefined : 'writable by others';
}

async function madeIn(folder: string): Promise<Traits | undefined> {
  const path = join(folder, `.lading-${randomUUID()}`);
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, DEFAULT_MODE);
    try {
      return fstatSync(file.fd);
    } finally {
      await file.close();
      await unlink(path);
    }
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
