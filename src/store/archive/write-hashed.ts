import type { Readable } from 'node:stream';
import type { Digest } from '../../content/digest.js';
import { createStreamHash } from '../../hashing/stream-hash.js';
import type { FileSink } from '../disk.js';

const CHUNK_BYTES = 1024 * 1024;

/**
 * Writes what `source` gives to `file` from `position` on, and tells its digest (sha256) and size. While one chunk is
 * hashed and written, the next is filled. `expectedBytes` is about how much there is to come, at least.
 */
export async function writeHashed(
  source: Readable,
  file: FileSink,
  position: number,
  expectedBytes: number,
): Promise<{ digest: Digest; size: number }> {
  const hash = createStreamHash('sha256', expectedBytes);
  // One that is filled, one that is hashed and written.
  const chunks = [newChunk(), newChunk()] as const;
  let chunk: Buffer = chunks[0];
  let filled = 0;
  let size = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async (): Promise<void> => {
    const full = chunk.subarray(0, filled);
    const place = position + size;
    size += filled;
    chunk = chunk === chunks[0] ? chunks[1] : chunks[0];
    filled = 0;
    await writing;
    writing = Promise.all([file.write([full], place), hash.update(full)]);
    writing.catch(() => undefined); // awaited by the next flush, or below
  };
  try {
    for await (const piece of source as AsyncIterable<Buffer>) {
      for (let taken = 0; taken < piece.byteLength; ) {
        const part = piece.subarray(taken, taken + CHUNK_BYTES - filled);
        chunk.set(part, filled);
        taken += part.byteLength;
        filled += part.byteLength;
        if (filled === CHUNK_BYTES) await flush();
      }
    }
    await flush();
    await writing;
    return { digest: `sha256:${await hash.digest()}`, size };
  } finally {
    await writing.catch(() => undefined); // nothing is written any more when this ends
    hash.close();
  }
}

/** Of memory that the thread which hashes reads where it is. */
function newChunk(): Buffer {
  return Buffer.from(new SharedArrayBuffer(CHUNK_BYTES));
}
