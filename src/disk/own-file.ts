import { randomUUID } from 'node:crypto';
import { constants, fstatSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LadingError, systemCode } from '../errors.js';
import { describeUser, thisUser } from './users.js';

// Files with names that others can guess, in folders that others may write to. Anybody who can create a file there
// could plant a link to another file, a pipe that nobody reads, or content to resume from. Such files must be opened
// with the functions here. They create the file with O_EXCL, or use an existing one only if nobody else can have
// created or changed it.

/** Do not follow a link (open(2), O_NOFOLLOW), and do not block on a pipe without a reader (O_NONBLOCK). */
export const CAREFUL = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Write permission of the group and of all others. (chmod(2)) */
const WRITABLE_BY_OTHERS = 0o022;
const DEFAULT_MODE = 0o644;
/** How many times to try again when the file appears or disappears between two calls. */
const TRIES = 10;

/** The file at a path that lading chose may have been created or changed by another user. */
export class UnsafeFileError extends LadingError {
  override readonly name = 'UnsafeFileError';
}

export interface OwnFileOptions {
  /**
   * Create the file if it does not exist; default true. If false, a missing file rejects with the system's `ENOENT`.
   */
  create?: boolean | undefined;
  /** Mode of a file that is created, before the umask is applied; default 0644. */
  mode?: number | undefined;
  /** Write at the end of the file, wherever that is; default: write by position. */
  append?: boolean | undefined;
}

/**
 * Opens a file for reading and writing, and keeps the content that this user wrote before. Rejects with an
 * `UnsafeFileError` that names the path and its owner, unless it is a regular file with one name, created by this user,
 * that nobody else may write to.
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

/** Creates a file; returns undefined if anything has this name already, even a dangling link. */
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
 * Creates an empty file, to be renamed to `path` later. If the caller is `alone`, the file is called `path.tmp` and
 * replaces one that a killed process left there. Otherwise, or if that file cannot be removed, its name is random so
 * that nobody can guess it.
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
    await unlink(path); // removes only this name, not the target of a link or other names of the file
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
  return createFile(path, { mode });
}

/**
 * Reads a file that `openOwnFile` would accept, if it has at most `maxBytes`; returns undefined in every other case.
 */
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

/** Checks what is at `path` now, and rejects as `openOwnFile` does. */
export async function requireOwnFile(path: string): Promise<void> {
  await requireOwn(path, await lstat(path));
}

/** True if nobody but this user can have written the file, even if it has several names; false if it does not exist. */
export async function isOwnFile(path: string): Promise<boolean> {
  const found = await ifThere(() => lstat(path));
  return found !== undefined && isOwn(path, found);
}

/** Like `isOwnFile`, for the result of an `lstat`. */
export async function isOwn(path: string, found: Stats): Promise<boolean> {
  const reason = await whyUnsafe(found, () => madeIn(dirname(path)));
  return reason === undefined || reason === 'several names';
}

/**
 * For a name that the user chose, where a link or a pipe may be intended. Rejects with an `UnsafeFileError` if it
 * belongs to another user, unless that is root or the owner of the folder, who can change anything there anyway.
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

/** Returns the result of `look`, or undefined if it fails with `ENOENT`. */
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
    // It may be a link, a folder, a socket, or a file that its owner made read-only; requireOwn() says which.
    if (systemCode(error) !== 'ENOENT') await requireOwn(path, await lstat(path));
    throw error;
  }
  try {
    // Without O_NOFOLLOW (Windows) the opened file may be the target of a link.
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
  return new UnsafeFileError(code, `${path} ${await what()}: lading does not resume from it`, {
    hint:
      reason === 'another owner'
        ? 'Ask that user to finish or remove it, or choose another place.'
        : 'Remove it, or choose another place.',
  });
}

/** Describes the kind of a file, and its owner if that is another user: `a symbolic link of alice (uid 1001)`. */
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

/** Attributes of a file that show whether somebody else may have changed it. */
export type Traits = Pick<Stats, 'uid' | 'mode' | 'nlink'>;

/**
 * Returns why a file may be another user's work, or undefined if it looks like one that this process creates. Some file
 * systems give all files the same owner and mode, and some network shares another owner than the writer (FAT, CIFS, NFS
 * with `root_squash`). So `made` returns the attributes of a file that was just created in the same folder, or
 * undefined if none can be created.
 */
export async function whyUnsafe(
  found: Traits & Pick<Stats, 'isFile'>,
  made: () => Promise<Traits | undefined>,
): Promise<UnsafeReason | undefined> {
  if (!found.isFile()) return 'not a file';
  const user = thisUser();
  if (user === undefined) return found.nlink > 1 ? 'several names' : undefined; // Windows has no owners and modes
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
