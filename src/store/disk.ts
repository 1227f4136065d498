import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import fs from 'fs-extra';
import { LadingError, systemCode } from '../errors.js';
import { type FileStamp, stampOf } from '../region.js';
import { BackgroundSync } from './background-sync.js';
import type { Sink } from './write-content.js';

const READ_BYTES = 1024 * 1024;

/** A file that is written by position. */
export interface FileSink extends Required<Sink> {
  readonly path: string;
  size(): Promise<number>;
  truncate(size: number): Promise<void>;
  /** Resolves when the bytes are on the disk; that has begun while they were written. */
  sync(): Promise<void>;
  /** Rejects when what was brought to the disk so far has failed; waits for what is under way. */
  settle(): Promise<void>;
  /** Whether the disk has failed: nothing that was written counts. */
  readonly isLost: boolean;
  /** Leaves nothing in a file that could not be brought to the disk: what can be read of it proves nothing. */
  close(): Promise<void>;
}

/** Opens a file to write by position, keeping what it holds; makes it when it is not there, unless told not to. */
export async function openFileSink(
  path: string,
  { create = true }: { create?: boolean } = {},
): Promise<FileSink> {
  return fileSink(await openToWrite(path, create ? fs.constants.O_CREAT : 0), path);
}

/** What of a file handle is used to write. */
export type WritableFile = Pick<FileHandle, 'writev' | 'read' | 'stat' | 'truncate' | 'datasync' | 'close'>;

/** A file that is open already, of which `path` is told in errors; it is closed with the sink. */
export function fileSink(file: WritableFile, path: string): FileSink {
  const syncing = new BackgroundSync(async () => {
    try {
      await file.datasync();
    } catch (error) {
      throw diskError(error, path);
    }
  });
  return {
    path,
    copies: true,
    async write(chunks, position) {
      syncing.throwIfFailed();
      await writeAll(file, path, chunks, position);
      syncing.wrote(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
    },
    read: (position, length) => readRange(file, position, length),
    size: async () => (await file.stat()).size,
    truncate: (size) => file.truncate(size),
    sync: () => syncing.finish(),
    async settle() {
      await syncing.settled();
      syncing.throwIfFailed();
    },
    get isLost() {
      return syncing.hasFailed;
    },
    async close() {
      await syncing.settled();
      try {
        if (syncing.hasFailed) await file.truncate(0);
      } catch (error) {
        throw diskError(error, path);
      } finally {
        await file.close();
      }
    },
  };
}

async function openToWrite(path: string, flags: number): Promise<FileHandle> {
  try {
    // Not 'a+': appending ignores positions. Not 'r+' first and 'w+' then: another process may come between.
    return await open(path, fs.constants.O_RDWR | flags, 0o644);
  } catch (error) {
    throw diskError(error, path);
  }
}

async function writeAll(file: WritableFile, path: string, chunks: Buffer[], position: number): Promise<void> {
  try {
    let rest = chunks;
    let place = position;
    while (rest.length > 0) {
      const { bytesWritten } = await file.writev(rest, place);
      place += bytesWritten;
      rest = withoutLeading(rest, bytesWritten);
    }
  } catch (error) {
    throw diskError(error, path);
  }
}

function withoutLeading(chunks: Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  const rest: Buffer[] = [];
  for (const chunk of chunks) {
    if (left >= chunk.byteLength) left -= chunk.byteLength;
    else {
      rest.push(left === 0 ? chunk : chunk.subarray(left));
      left = 0;
    }
  }
  return rest;
}

async function* readRange(file: WritableFile, position: number, length: number): AsyncIterable<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, length));
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(
      buffer,
      0,
      Math.min(buffer.byteLength, length - done),
      position + done,
    );
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Writes a small file under its final name so that it is there whole or not at all. Who holds a lock for it is
 * `alone`: then what a writer left that was killed is used up.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Buffer,
  { mode = 0o644, alone = false }: { mode?: number; alone?: boolean } = {},
): Promise<FileStamp> {
  const temporary = alone ? `${path}.tmp` : `${path}.${process.pid}.tmp`;
  try {
    let stamp: FileStamp;
    const file = await open(temporary, 'w', mode);
    try {
      await file.writeFile(bytes);
      await file.datasync();
      stamp = await stampOf(file);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return stamp;
  } catch (error) {
    await rm(temporary, { force: true });
    throw diskError(error, path);
  }
}

/** Makes a rename in the directory of `path` last through a power cut. */
export async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } catch (error) {
    // Some file systems (network shares) cannot sync a directory; the rename itself has happened.
    if (!['EINVAL', 'EPERM', 'ENOTSUP', 'EISDIR'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    await directory.close();
  }
}

/** Rejects with `NO_SPACE` when the file system of `directory` has no room for `bytes` more. */
export async function requireSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await fs.promises.statfs(directory);
  const free = bavail * bsize;
  if (bytes <= free) return;
  throw new LadingError(
    'NO_SPACE',
    `${directory} has ${megabytes(free)} free, but ${megabytes(bytes)} are to be written`,
    {
      hint: 'Make room, or write to another disk. Nothing was fetched yet.',
    },
  );
}

/** Names in a directory, or undefined when it does not exist; rejects with `ALREADY_EXISTS` when it is something else. */
export async function listDirectory(path: string): Promise<string[] | undefined> {
  try {
    return await fs.readdir(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw diskError(error, path);
  }
}

/** Size of a file, 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await fs.stat(path)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw diskError(error, path);
  }
}

export async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await fs.rmdir(directory);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? ''))
      throw diskError(error, directory);
  }
}

/** A failure of the file system in words that say what to do. */
export function diskError(error: unknown, path: string): unknown {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new LadingError('NO_SPACE', `no space left to write ${path}`, {
        cause: error,
        hint: 'Make room and run the same command again; it goes on from what is there.',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new LadingError('NOT_WRITABLE', `${path} cannot be written: permission denied or read-only`, {
        cause: error,
        hint: 'Choose an output that you may write to.',
      });
    case 'ENOTDIR':
      return new LadingError('ALREADY_EXISTS', `${path} cannot be made: a part of its path is a file`, {
        cause: error,
        hint: 'Choose another output.',
      });
    case 'EISDIR':
      return new LadingError('ALREADY_EXISTS', `${path} is a directory`, {
        cause: error,
        hint: 'Choose another output.',
      });
    case 'ENOENT':
      return new LadingError('NOT_WRITABLE', `${path} cannot be made: its directory does not exist`, {
        cause: error,
        hint: `Make ${dirname(path)} first.`,
      });
    case 'EIO':
    case 'ENXIO':
      return new LadingError('IO', `the disk failed at ${path}`, { cause: error });
    default:
      return error;
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Rejects with `NOT_WRITABLE` when nothing can be made at `path`, before anything was fetched for it. */
export async function requireWritable(path: string): Promise<void> {
  const exists = await fs.pathExists(path);
  const place = exists ? path : dirname(resolve(path));
  try {
    await fs.access(place, fs.constants.W_OK);
  } catch (error) {
    throw diskError(error, path);
  }
}
