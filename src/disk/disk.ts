import { constants, type Stats } from 'node:fs';
import {
  access,
  lstat,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  statfs as statFileSystem,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type ErrorCode, LadingError, systemCode } from '../errors.js';
import { CHECK_DISK, fileFailure } from '../system-error.js';
import { createTemporaryFile, ifThere } from './own-file.js';
import { type FileStamp, stampOf } from './region.js';

export interface AtomicOptions {
  /** Mode of the file before the umask is applied; default 0644. */
  mode?: number | undefined;
  /** This process holds a lock for the file, so it may replace what a killed writer left behind; default false. */
  alone?: boolean | undefined;
  /** Path of the temporary file while it is written, without its suffix `.tmp`; default `path`. */
  growsAs?: string | undefined;
}

/** Writes a small file so that it appears under its final name complete or not at all. */
export async function writeFileAtomically(
  path: string,
  bytes: Buffer,
  { mode, alone = false, growsAs = path }: AtomicOptions = {},
): Promise<FileStamp> {
  let temporary: string | undefined;
  try {
    const made = await createTemporaryFile(growsAs, { alone, mode });
    temporary = made.path;
    let stamp: FileStamp;
    try {
      await made.file.writeFile(bytes);
      await made.file.datasync();
      stamp = await stampOf(made.file);
    } finally {
      await made.file.close();
    }
    await rename(temporary, path);
    return stamp;
  } catch (error) {
    const left = temporary;
    if (left !== undefined) await unlessRefused(() => rm(left, { force: true }));
    throw diskError(error, path);
  }
}

/** Syncs the directory of `path`, so that a rename in it survives a power failure. */
export async function syncDirectoryOf(path: string): Promise<void> {
  const { O_RDONLY, O_DIRECTORY = 0 } = constants; // O_DIRECTORY: opening a pipe would block
  const directory = await onDisk(path, () => open(dirname(path), O_RDONLY | O_DIRECTORY));
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems (network shares) cannot sync a directory; the rename itself has happened.
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes(systemCode(error) ?? ''))
      throw diskError(error, path);
  } finally {
    await directory.close();
  }
}

/** Space that a write into a directory needs. */
export interface SpaceNeeds {
  /** Bytes that are still to be written. */
  bytes: number;
  /** Size in bytes of the largest file that will be written; default `bytes`. */
  largestFile?: number | undefined;
}

/** Returns the type and the free space of the file system of a directory. (statfs(2)) */
export type StatFS = (path: string) => Promise<{ type: number; bavail: number; bsize: number }>;

/** How writers find out how much space is free. */
export interface SpaceOptions {
  /** Default: `statfs` of Node.js. */
  statfs?: StatFS | undefined;
}

/**
 * `MSDOS_SUPER_MAGIC`: FAT stores the size of a file in 32 bits. (statfs(2); Microsoft, "FAT32 File System
 * Specification")
 */
const FAT = { type: 0x4d44, largestFile: 2 ** 32 - 1 };

/**
 * Rejects with `NO_SPACE` if the file system of `directory` lacks the space, and with `USAGE` if it cannot hold a file as
 * large as `largestFile`.
 */
export async function requireSpace(
  directory: string,
  { bytes, largestFile = bytes }: SpaceNeeds,
  statfs: StatFS = statFileSystem,
): Promise<void> {
  const { type, bavail, bsize } = await onDisk(directory, () => statfs(directory));
  if (type === FAT.type && largestFile > FAT.largestFile) {
    throw new LadingError(
      'USAGE',
      `${directory} is on a FAT file system, where a file can have at most 4 GiB, but one needs ${megabytes(largestFile)}`,
      { hint: `${SMALLER_FILES} Nothing was fetched yet.` },
    );
  }
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new LadingError(
    'NO_SPACE',
    `${directory} has ${megabytes(free)} free, but ${megabytes(bytes)} are needed`,
    { hint: 'Make room, or write to another disk. Nothing was fetched yet.' },
  );
}

/** Returns the bytes that are free in the file system of a directory. */
export async function freeSpaceIn(directory: string, statfs: StatFS = statFileSystem): Promise<number> {
  const { bavail, bsize } = await onDisk(directory, () => statfs(directory));
  return bavail * bsize;
}

/**
 * Returns the names in a directory, or undefined if it does not exist; rejects with `ALREADY_EXISTS` if it is not a
 * directory.
 */
export async function listDirectory(path: string): Promise<string[] | undefined> {
  return onDisk(path, () => ifThere(() => readdir(path)));
}

/** Returns the size of a file in bytes, or 0 if it does not exist. Does not follow a link. */
export async function sizeOf(path: string): Promise<number> {
  return onDisk(path, async () => (await ifThere(() => lstat(path)))?.size ?? 0);
}

/** Removes a directory unless it has entries, does not exist, or may not be removed by this user. */
export async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM'].includes(systemCode(error) ?? ''))
      throw diskError(error, directory);
  }
}

/** Ignores system errors: a failed cleanup must never fail a command. */
export async function unlessRefused<T>(tidy: () => Promise<T>): Promise<T | undefined> {
  try {
    return await tidy();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** Turns a file system error into a `LadingError` with a hint; returns any other error unchanged. */
export function diskError(error: unknown, path: string): unknown {
  const failure = (code: ErrorCode, message: string, hint: string, ofTemporary = hint): LadingError =>
    new LadingError(code, message, { cause: error, hint: isTemporary(path) ? ofTemporary : hint });
  switch (systemCode(error)) {
    case 'ENOSPC':
      return failure('NO_SPACE', `no space left to write ${path}`, MAKE_ROOM, ROOM_OR_TMPDIR);
    case 'EDQUOT':
      return failure('NO_SPACE', `your quota leaves no space to write ${path}`, MAKE_ROOM, ROOM_OR_TMPDIR);
    case 'EFBIG':
      return failure(
        'NO_SPACE',
        `${path} would exceed the maximum size of a file there`,
        SMALLER_FILES,
        LARGER_IN_TMPDIR,
      );
    case 'EACCES':
    case 'EPERM':
      return failure('NOT_WRITABLE', `${path} cannot be written: permission denied`, OWN_OUTPUT, OWN_TMPDIR);
    case 'EROFS':
      return failure(
        'NOT_WRITABLE',
        `${path} cannot be written: the file system is read-only`,
        OWN_OUTPUT,
        OWN_TMPDIR,
      );
    case 'EBUSY':
    case 'ETXTBSY':
      return failure('NOT_WRITABLE', `${path} cannot be written: it is in use`, OTHER_OUTPUT);
    case 'ENAMETOOLONG':
      return failure(
        'NOT_WRITABLE',
        `${path} cannot be made: the name is too long`,
        'Choose a shorter name.',
      );
    case 'ELOOP':
      return failure('NOT_WRITABLE', `${path} cannot be made: its links form a loop`, OTHER_OUTPUT);
    case 'ENOTDIR':
      return failure('ALREADY_EXISTS', `${path} cannot be made: a part of its path is a file`, OTHER_OUTPUT);
    case 'EISDIR':
      return failure('ALREADY_EXISTS', `${path} is a directory`, OTHER_OUTPUT);
    case 'ENOENT':
      return failure(
        'NOT_WRITABLE',
        `${path} cannot be made: its directory does not exist`,
        `Make ${dirname(path)} first.`,
        OWN_TMPDIR,
      );
    case 'EIO':
    case 'ENXIO':
    case 'ENODEV':
    case 'ESTALE':
      return failure('IO', `the disk failed at ${path}`, CHECK_DISK);
    default:
      return fileFailure(error, `${path} cannot be written`) ?? error;
  }
}

/** True for what is in the system's folder for temporary files, where an output may be, too. */
function isTemporary(path: string): boolean {
  return path.startsWith(join(tmpdir(), '.lading-'));
}

const ROOM_OR_TMPDIR = 'Make room there, or let TMPDIR name a folder with room for temporary files.';
const OWN_TMPDIR = 'Let TMPDIR name a folder for temporary files that you may write to.';
const LARGER_IN_TMPDIR =
  'Let TMPDIR name a folder whose file system allows larger files (exFAT, NTFS, ext4), or raise the limit of `ulimit -f`.';
const MAKE_ROOM = 'Make room and run the same command again; it resumes from what is there.';
const OWN_OUTPUT = 'Choose an output that you may write to.';
const OTHER_OUTPUT = 'Choose another output.';
const SMALLER_FILES =
  'Write to a file system that allows larger files (exFAT, NTFS, ext4), or raise the limit of `ulimit -f`; a layout directory (DIR/) keeps each blob in its own file.';

/** Runs `work` and reports its file system errors as errors about `path`. */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(error, path);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * Checks, before anything is fetched, that `path` can be written; rejects if it cannot. Returns what is at `path` now,
 * or undefined if it does not exist.
 */
export async function requireWritable(path: string): Promise<Stats | undefined> {
  const found = await onDisk(path, () => ifThere(() => stat(path)));
  // A file is never written in place: the new one is written beside it and renamed.
  const place = found?.isDirectory() ? path : dirname(resolve(path));
  await onDisk(path, async () => {
    const parent = await stat(place);
    if (!parent.isDirectory()) throw Object.assign(new Error(`${place} is a file`), { code: 'ENOTDIR' });
    await access(place, constants.W_OK);
  });
  return found;
}
