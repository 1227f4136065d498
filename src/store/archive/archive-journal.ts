import { type FileHandle, rm } from 'node:fs/promises';
import { onDisk } from '../../disk/disk.js';
import { openOwnFile } from '../../disk/own-file.js';
import type { Place } from './archive-places.js';

/** A piece of content, and the position of its first byte. */
export type JournalPlace = Pick<Place, 'descriptor' | 'body'>;

/**
 * Records how much of each piece of content in an unfinished archive is written, in a file beside it: one line `DIGEST
 * POSITION BYTES` after every write. It is never trusted; the bytes are verified by hashing.
 */
export interface Journal {
  /** Returns how many bytes were written before, if the content is at the same position as then. */
  kept(place: JournalPlace): number;
  record(place: JournalPlace, written: number): Promise<void>;
  /** True if nothing was ever recorded, so that there is nothing to resume from. */
  readonly isEmpty: boolean;
  /** Deletes the file, after the archive is finished. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the journal that this user left, or begins a new one; unless `keeps` is true, its content is discarded. */
export async function openJournal(path: string, { keeps }: { keeps: boolean }): Promise<Journal> {
  const { file, earlier } = await onDisk(path, () => open(path, keeps));
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

async function open(
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
