import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { readFailure } from '../disk/region.js';
import type { Lock } from '../lock/lock.js';

/** Reads a lock from a file or a stream, as `parseLock` does; rejects with `NOT_FOUND`, too. */
export async function readLock(input: string | Readable): Promise<Lock> {
  const { parseLock } = await import('./locks.js');
  if (typeof input !== 'string') return parseLock(await buffer(input), 'standard input');
  let bytes: Buffer;
  try {
    bytes = await readFile(input);
  } catch (error) {
    throw readFailure(`the lock ${input}`, error);
  }
  return parseLock(bytes, input);
}
