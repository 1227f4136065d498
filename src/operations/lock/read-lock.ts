import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { readFailure } from '../../disk/region.js';
import type { Lock } from '../../lock/lock.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import { isBucket } from '../../store/locator.js';

/**
 * Reads a lock from a file, an object in a bucket (`s3://BUCKET/KEY`) or a stream, as `parseLock` does; rejects with
 * `NOT_FOUND`, too.
 */
export async function readLock(input: string | Readable, connection: ConnectionOptions = {}): Promise<Lock> {
  const { MAX_LOCK_BYTES, parseLock } = await import('./locks.js');
  if (typeof input !== 'string') return parseLock(await buffer(input), 'standard input');
  if (isBucket(input)) {
    const { readDocument } = await import('../../store/bucket/document.js');
    return parseLock(await readDocument(input, { ...connection, maxBytes: MAX_LOCK_BYTES }), input);
  }
  let bytes: Buffer;
  try {
    bytes = await readFile(input);
  } catch (error) {
    throw readFailure(`the lock ${input}`, error);
  }
  return parseLock(bytes, input);
}
