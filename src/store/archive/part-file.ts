import fs from 'fs-extra';
import { onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { requireOwnFile } from '../../disk/own-file.js';
import { isLadingError } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import { type Journal, openJournal } from './archive-journal.js';

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
