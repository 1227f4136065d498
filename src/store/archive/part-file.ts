import { type FileHandle, rm } from 'node:fs/promises';
import fs from 'fs-extra';
import { onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { openOwnFile, requireOwnFile } from '../../disk/own-file.js';
import { isLadingError } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import type { Place } from './archive-places.js';

/** What an archive grows in until it is finished: `PATH.part` and its journal, which this process alone writes. */
export interface PartFile {
  readonly file: FileSink;
  readonly journal: Journal;
  /** Cuts the file to `size` bytes and gives it its name; throws `LOCKED` when another process took it over. */
  finish(size: number): Promise<void>;
  /** Without `finish` before it, leaves what a later run can go on from, and no file where there is nothing of it. */
  close(): Promise<void>;
}

/**
 * Opens what will become `path`, with what an earlier run of this user left of it; other writers wait until it is
 * closed. Rejects as `openOwnFile` does for a part or a journal that somebody else may have made.
 */
export async function openPartFile(path: string, options: LockOptions): Promise<PartFile> {
  const part = `${path}.part`;
  const journalPath = `${part}.journal`;
  // The lock comes first: a file that is opened before may be the finished archive of the writer waited for.
  const lock = await acquireLock(part, options);
  const opened: { close(): Promise<void> }[] = [];
  /** What is taken away when nothing can be gone on from. */
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
    // What a journal says of a part that is gone is true of no other one.
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
        // Whoever may rename files in this folder may have put another one there meanwhile.
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

/** Removes what a process left beside a finished archive that died right after it had given the archive its name. */
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
    // Somebody is at work, and tidies up; or what is there is not lading's.
    if (!isLadingError(error, 'LOCKED', 'NOT_WRITABLE')) throw error;
  }
}

/** What is written, and where its first byte stands. */
type JournalPlace = Pick<Place, 'descriptor' | 'body'>;

/**
 * How far each piece of content in an unfinished archive is written, in a file beside it: one line
 * `DIGEST POSITION BYTES` after every write. What it says is a claim to be checked by hashing, never trusted.
 */
interface Journal {
  /** Bytes of the place that were written before, if it stands where it stood then. */
  kept(place: JournalPlace): number;
  record(place: JournalPlace, written: number): Promise<void>;
  /** Whether nothing was ever recorded: there is nothing to go on from. */
  readonly isEmpty: boolean;
  /** Deletes the file, when the archive is finished. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the journal that this user has left, or begins one; without `keeps` all that it says is forgotten. */
async function openJournal(path: string, { keeps }: { keeps: boolean }): Promise<Journal> {
  const { file, earlier } = await onDisk(path, () => openJournalFile(path, keeps));
  let isEmpty = earlier.size === 0;
  return {
    kept: ({ descriptor, body }) => earlier.get(key(descriptor.digest, body)) ?? 0,
    async record({ descriptor, body }, written) {
      isEmpty = false;
      await onDisk(path, () => file.appendFile(`${key(descriptor.digest, body)} ${written}\n`));
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
): Promise<{ file: FileHandle; earlier: Map<string, number> }> {
  const file = await openOwnFile(path, { append: true });
  try {
    if (!keeps) await file.truncate(0);
    return { file, earlier: await readJournal(file) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readJournal(file: FileHandle): Promise<Map<string, number>> {
  const written = new Map<string, number>();
  for await (const line of file.readLines({ start: 0, autoClose: false })) {
    const [, place, bytes] = /^(\S+ \d+) (\d+)$/.exec(line) ?? [];
    if (place !== undefined) written.set(place, Number(bytes));
  }
  return written;
}

function key(digest: string, position: number): string {
  return `${digest} ${position}`;
}
