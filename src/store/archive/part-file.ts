import fs from 'fs-extra';
import { isLadingError } from '../../errors.js';
import { onDisk, syncDirectoryOf } from '../disk.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import { acquireLock, type LockOptions } from '../lock.js';
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

/** Opens what will become `path`, with what an earlier run left of it; other writers wait until it is closed. */
export async function openPartFile(path: string, options: LockOptions): Promise<PartFile> {
  const part = `${path}.part`;
  // The lock comes first: a file that is opened before may be the finished archive of the writer waited for.
  const lock = await acquireLock(part, options);
  const opened: { close(): Promise<void> }[] = [];
  let leavesNothing = (): boolean => false;
  const close = async (): Promise<void> => {
    try {
      const closed = await Promise.allSettled(opened.map((resource) => resource.close()));
      if (leavesNothing())
        for (const left of [part, `${part}.journal`]) await onDisk(left, () => fs.rm(left, { force: true }));
      for (const { reason } of closed.filter((result) => result.status === 'rejected')) throw reason;
    } finally {
      await lock.release();
    }
  };
  try {
    const file = await openFileSink(part);
    opened.push(file);
    const journal = await openJournal(`${part}.journal`);
    opened.push(journal);
    let isFinished = false;
    leavesNothing = () => !isFinished && journal.isEmpty;
    return {
      file,
      journal,
      async finish(size) {
        lock.assertHeld();
        await file.truncate(size);
        await file.sync();
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
    if (!(await fs.pathExists(part))) await fs.rm(journal, { force: true });
    await lock.release();
  } catch (error) {
    if (!isLadingError(error, 'LOCKED')) throw error; // somebody is at work, and tidies up
  }
}
