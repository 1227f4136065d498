import { type FileHandle, rm } from 'node:fs/promises';
import fs from 'fs-extra';
import { onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { openOwnFile, requireOwnFile } from '../../disk/own-file.js';
import { isLadingError } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import type { Place } from './archive-places.js';

/** The files of an unfinished archive: `PATH.part` and its journal. Only this process writes them. */
export interface PartFile {
  readonly file: FileSink;
  readonly journal: Journal;
  /**
   * Truncates the file to `size` bytes and gives it its final name; throws `LOCKED` if another process took it over.
   */
  finish(size: number): Promise<void>;
  /**
   * Closes the files. Without `finish`, it keeps what a later run can resume from, and removes the files if there is
   * nothing.
   */
  close(): Promise<void>;
}

/**
 * Opens the part file of `path`, with what an earlier run of this user left; other writers wait until it is closed.
 * Rejects as `openOwnFile` does if others may have created the part or the journal.
 */
export async function openPartFile(path: string, options: LockOptions): Promise<PartFile> {
  const part = `${path}.part`;
  const journalPath = `${part}.journal`;
  // Take the lock first: a file that is opened earlier may turn into the finished archive of the writer before.
  const lock = await acquireLock(part, options);
  const opened: { close(): Promise<void> }[] = [];
  /** Returns the files to remove if there is nothing to resume from. */
  let useless: () => string[] = () => [];
  const close = async (): Promise<void> => {
    try {
      const closed = await Promise.allSettled(opened.map((resource) => resource.close()));
      for (const left of useless()) await onDisk(left, () => fs.rm(left, { force: true }));
      for (const { reason } of closed.filter((result) => result.status === 'rejected')) throw reason;
    } finally {
      await lock.release();
    }
  };
  try {
    const file = await openFileSink(part);
    opened.push(file);
    const isNew = (await file.size()) === 0;
    if (isNew) useless = () => [part];
    // If the part is gone, the journal does not apply to a new one.
    const journal = await openJournal(journalPath, { keeps: !isNew });
    opened.push(journal);
    let isFinished = false;
    useless = () => (!isFinished && journal.isEmpty ? [part, journalPath] : []);
    return {
      file,
      journal,
      async finish(size) {
        lock.assertHeld();
        await file.truncate(size);
        await file.sync();
        // Somebody with permission to rename files in this folder may have replaced it meanwhile.
        await onDisk(part, () => requireOwnFile(part));
        await onDisk(path, () => fs.rename(part, path));
        isFinished = true;
        await syncDirectoryOf(path);
        await journal.remove();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Removes the leftovers of a process that died right after it had given the archive its name. */
export async function removeLeftBeside(path: string): Promise<void> {
  const part = `${path}.part`;
  const journal = `${part}.journal`;
  const left = await Promise.all([`${part}.lock`, journal].map((file) => fs.pathExists(file)));
  if (!left.includes(true)) return;
  try {
    const lock = await acquireLock(part, { waitMs: 0 });
    try {
      if (!(await fs.pathExists(part))) await unlessRefused(() => fs.rm(journal, { force: true }));
    } finally {
      await lock.release();
    }
  } catch (error) {
    // Another process is working, and will clean up; or the files do not belong to lading.
    if (!isLadingError(error, 'LOCKED', 'NOT_WRITABLE')) throw error;
  }
}

/** A piece of content, and the position of its first byte. */
type JournalPlace = Pick<Place, 'descriptor' | 'body'>;

/** What an earlier run wrote of a piece of content. */
interface Kept {
  written: number;
  /** Of a layer whose plain form was written, whole. */
  diffID?: string | undefined;
}

/**
 * Records how much of each piece of content in an unfinished archive is written, in a file beside it: one line `DIGEST
 * POSITION BYTES` after every write, and for the plain form of a layer `DIGEST POSITION BYTES DIFFID`. It is never
 * trusted; the bytes are verified by hashing.
 */
interface Journal {
  /** Returns how much was written before, if the content is at the same position as then. */
  kept(place: JournalPlace): Kept;
  record(place: JournalPlace, written: number, diffID?: string): Promise<void>;
  /** True if nothing was ever recorded, so that there is nothing to resume from. */
  readonly isEmpty: boolean;
  /** Deletes the file, after the archive is finished. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the journal that this user left, or begins a new one; unless `keeps` is true, its content is discarded. */
async function openJournal(path: string, { keeps }: { keeps: boolean }): Promise<Journal> {
  const { file, earlier } = await onDisk(path, () => openJournalFile(path, keeps));
  let isEmpty = earlier.size === 0;
  return {
    kept: ({ descriptor, body }) => earlier.get(key(descriptor.digest, body)) ?? { written: 0 },
    async record({ descriptor, body }, written, diffID) {
      isEmpty = false;
      const fields = [key(descriptor.digest, body), written, ...(diffID === undefined ? [] : [diffID])];
      await onDisk(path, () => file.appendFile(`${fields.join(' ')}\n`));
    },
    get isEmpty() {
      return isEmpty;
    },
    remove: () => rm(path, { force: true }),
    close: () => file.close(),
  };
}

async function openJournalFile(
  path: string,
  keeps: boolean,
): Promise<{ file: FileHandle; earlier: Map<string, Kept> }> {
  const file = await openOwnFile(path, { append: true });
  try {
    if (!keeps) await file.truncate(0);
    return { file, earlier: await readJournal(file) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readJournal(file: FileHandle): Promise<Map<string, Kept>> {
  const kept = new Map<string, Kept>();
  for await (const line of file.readLines({ start: 0, autoClose: false })) {
    const [, place, bytes, diffID] = /^(\S+ \d+) (\d+)(?: (\S+))?$/.exec(line) ?? [];
    if (place !== undefined) kept.set(place, { written: Number(bytes), diffID });
  }
  return kept;
}

function key(digest: string, position: number): string {
  return `${digest} ${position}`;
}
