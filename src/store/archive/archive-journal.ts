import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { systemCode } from '../../errors.js';
import { diskError, onDisk } from '../disk.js';
import type { Place } from './archive-places.js';

/** What is written, and where its first byte stands. */
export type JournalPlace = Pick<Place, 'descriptor' | 'body'>;

/**
 * How far each piece of content in an unfinished archive is written, in a file beside it: one line
 * `DIGEST POSITION BYTES` after every write. What it says is a claim to be checked by hashing, never trusted.
 */
export interface Journal {
  /** Bytes of the place that were written before, if it stands where it stood then. */
  kept(place: JournalPlace): number;
  record(place: JournalPlace, written: number): Promise<void>;
  /** Whether nothing was ever recorded: there is nothing to go on from. */
  readonly isEmpty: boolean;
  /** Deletes the file, when the archive is finished. */
  remove(): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal(path: string): Promise<Journal> {
  const earlier = await readJournal(path);
  const file = await openToAppend(path);
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

async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a', 0o644);
  } catch (error) {
    throw diskError(error, path);
  }
}

async function readJournal(path: string): Promise<Map<string, number>> {
  const written = new Map<string, number>();
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const [, place, bytes] = /^(\S+ \d+) (\d+)$/.exec(line) ?? [];
      if (place !== undefined) written.set(place, Number(bytes));
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw diskError(error, path);
  }
  return written;
}

function key(digest: string, position: number): string {
  return `${digest} ${position}`;
}
