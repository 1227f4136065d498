import { type FileHandle, lstat } from 'node:fs/promises';
import { BackgroundSync } from '../disk/background-sync.js';
import { diskError, onDisk } from '../disk/disk.js';
import { ifThere, openOwnFile } from '../disk/own-file.js';
import type { Sink } from './write-content.js';

const READ_BYTES = 1024 * 1024;

/** A file that is written by position. */
export interface FileSink extends Required<Sink> {
  readonly path: string;
  size(): Promise<number>;
  truncate(size: number): Promise<void>;
  /** True if this file still has that name; others may have given the name to another file. */
  isAt(path: string): Promise<boolean>;
  /** Resolves when all bytes are on the disk; syncing starts while they are written. */
  sync(): Promise<void>;
  /** Waits for a running sync; rejects if one has failed so far. */
  settle(): Promise<void>;
  /** True if a sync has failed, so that nothing that was written can be relied on. */
  readonly isLost: boolean;
  /**
   * Closes the file. If a sync has failed, the file is emptied first, because what can be read back may not be on the
   * disk.
   */
  close(): Promise<void>;
}

/**
 * Opens a file for writing by position, and keeps the content that this user wrote before. Creates the file if it does
 * not exist, unless `create` is false. Rejects as `openOwnFile` does if others may have put it there.
 */
export async function openFileSink(
  path: string,
  { create = true }: { create?: boolean } = {},
): Promise<FileSink> {
  return fileSink(await onDisk(path, () => openOwnFile(path, { create })), path);
}

/** The part of a file handle that writing needs. */
export type WritableFile = Pick<FileHandle, 'writev' | 'read' | 'stat' | 'truncate' | 'datasync' | 'close'>;

/** Makes a sink of an open file, which is closed with the sink; errors name `path`. */
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
    size: () => onDisk(path, async () => (await file.stat()).size),
    truncate: (size) => onDisk(path, () => file.truncate(size)),
    isAt: (name) => onDisk(name, () => isAt(file, name)),
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

async function isAt(file: WritableFile, path: string): Promise<boolean> {
  const [own, found] = [await file.stat(), await ifThere(() => lstat(path))];
  return own.ino === found?.ino && own.dev === found.dev;
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
