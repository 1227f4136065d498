import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Descriptor } from '../../content/descriptor.js';
import { syncDirectoryOf, writeFileAtomically } from '../../disk/disk.js';
import { openDirectory } from '../../disk/files.js';
import { acquireLock } from '../../disk/lock.js';
import { type FileStamp, readFailure, sameStamp } from '../../disk/region.js';
import { isLadingError } from '../../errors.js';
import { formatLayoutIndex } from './layout-index.js';
import { contradictionsIn, readLayoutEntries } from './layout-reader.js';

/**
 * Returns the entries after a change. It may be called again if another process wrote meanwhile; if it rejects, only
 * its caller gets the error.
 */
export type EditEntries = (
  entries: readonly Descriptor[],
) => readonly Descriptor[] | Promise<readonly Descriptor[]>;

interface Change {
  edit: EditEntries;
  afterwards: (() => Promise<void>) | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The lock of the index is held for a single read and write; a process that holds it longer has died. */
const LOCK_WAIT_MS = 60_000;
const LOCK_POLL_MS = 5;

/**
 * The `index.json` of a layout directory that several processes write. Each change reads the file again, under a lock
 * that is held only for that change.
 */
export class IndexFile {
  readonly #directory: string;
  readonly #path: string;
  #known: { stamp: FileStamp; entries: readonly Descriptor[] } | undefined;
  #waiting: Change[] = [];
  #isWriting = false;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, 'index.json');
  }

  /** The entries that were last read or written here; undefined before the first read. */
  get lastRead(): readonly Descriptor[] | undefined {
    return this.#known?.entries;
  }

  /**
   * Returns the entries that are on the disk now; the array is the same as long as the file does not change. Rejects
   * with `INVALID_LAYOUT` if readers would take their names for different images.
   */
  async read(): Promise<readonly Descriptor[]> {
    const stamp = await this.#stampNow(); // taken before reading, so that a write meanwhile is noticed next time
    if (this.#known !== undefined && sameStamp(this.#known.stamp, stamp)) return this.#known.entries;
    const { entries } = await readLayoutEntries(openDirectory(this.#directory));
    const [contradiction] = contradictionsIn(entries, this.#directory);
    if (contradiction !== undefined) throw contradiction;
    this.#known = { stamp, entries };
    return entries;
  }

  /**
   * Resolves when the change is on the disk. Changes that wait for the lock at the same time are written together.
   * `afterwards` runs after the entries are written and before another process can change them; such a change is
   * written alone.
   */
  change(edit: EditEntries, afterwards?: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ edit, afterwards, resolve, reject });
      if (!this.#isWriting) void this.#writeWaiting(); // settles every change, and never rejects
    });
  }

  async #writeWaiting(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      let batch: Change[] = [];
      try {
        const lock = await lockIndex(this.#directory);
        try {
          batch = this.#nextBatch();
          await this.#applyAll(batch, () => lock.assertHeld());
        } finally {
          await lock.release();
        }
      } catch (error) {
        const failed = batch.length > 0 ? batch : this.#waiting.splice(0);
        for (const { reject } of failed) reject(error); // has no effect on changes that were settled before
      }
    }
    this.#isWriting = false;
  }

  #nextBatch(): Change[] {
    const lonely = this.#waiting.findIndex(({ afterwards }) => afterwards !== undefined);
    return this.#waiting.splice(0, lonely < 0 ? this.#waiting.length : Math.max(lonely, 1));
  }

  /**
   * If all changes together are too large, applies them one by one, so that a change that removes names still succeeds.
   */
  async #applyAll(batch: readonly Change[], assertHeld: () => void): Promise<void> {
    try {
      await this.#apply(batch, assertHeld);
    } catch (error) {
      if (!isLadingError(error, 'TOO_LARGE')) throw error;
      const [only, ...others] = batch;
      if (others.length === 0) only?.reject(error);
      else for (const change of batch) await this.#applyAll([change], assertHeld);
    }
  }

  async #apply(batch: readonly Change[], assertHeld: () => void): Promise<void> {
    for (;;) {
      const before = await this.read();
      let entries = before;
      const refused: [Change, unknown][] = [];
      const done: Change[] = [];
      for (const change of batch) {
        try {
          entries = await change.edit(entries);
          done.push(change);
        } catch (error) {
          refused.push([change, error]);
        }
      }
      if (!sameEntries(before, entries)) {
        // skopeo and others take no lock, so start again if they wrote since.
        if (!(await this.#isCurrent(before))) continue;
        assertHeld();
        await this.#write(entries);
      }
      for (const [change, error] of refused) change.reject(error);
      for (const change of done) await finish(change);
      return;
    }
  }

  async #write(entries: readonly Descriptor[]): Promise<void> {
    // Use the stamp of the written file: another tool may have replaced it since.
    const stamp = await writeFileAtomically(this.#path, formatLayoutIndex(entries), { alone: true });
    await syncDirectoryOf(this.#path);
    this.#known = { stamp, entries };
  }

  /** True if the file is unchanged, and a reader has not loaded newer entries meanwhile. */
  async #isCurrent(entries: readonly Descriptor[]): Promise<boolean> {
    const stamp = await this.#stampNow();
    return this.#known?.entries === entries && sameStamp(this.#known.stamp, stamp);
  }

  async #stampNow(): Promise<FileStamp> {
    try {
      // Called for every request to a registry. A synchronous call costs a tenth of a turn in the thread pool.
      return statSync(this.#path, { bigint: true });
    } catch (error) {
      throw readFailure(this.#path, error);
    }
  }
}

/** Makes this process the only one of lading that writes the index; hold the lock only for a moment. */
export async function lockIndex(directory: string): ReturnType<typeof acquireLock> {
  return acquireLock(join(directory, 'index.json'), { waitMs: LOCK_WAIT_MS, pollMs: LOCK_POLL_MS });
}

async function finish({ afterwards, resolve, reject }: Change): Promise<void> {
  try {
    await afterwards?.();
    resolve();
  } catch (error) {
    reject(error);
  }
}

function sameEntries(a: readonly Descriptor[], b: readonly Descriptor[]): boolean {
  return a.length === b.length && a.every((entry, place) => sameEntry(entry, b[place]));
}

function sameEntry(a: Descriptor, b: Descriptor | undefined): boolean {
  return a === b || (b !== undefined && formatLayoutIndex([a]).equals(formatLayoutIndex([b])));
}
