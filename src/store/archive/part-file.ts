import fs from 'fs-extra';
import { onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { requireOwnFile } from '../../disk/own-file.js';
import { isLadingError } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import { type Journal, openJournal } from './archive-journal.js';

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
