import { open } from 'node:fs/promises';
import type { Region } from '../../disk/region.js';
import { readFailure } from '../../disk/region.js';
import { LadingError } from '../../errors.js';

const CHUNK_BYTES = 1024 * 1024;
/** One buffer is being sent, the socket may still hold a small one before it, and one is read meanwhile. */
const BUFFERS = 3;

/**
 * Yields the bytes of a region from `start`. A chunk is valid only until two more are requested, so the reader must
 * send each one and wait. With reused buffers, sending 300 MB takes 0.24 s of processor time, against 0.6 s with new
 * ones.
 */
export async function* regionChunks(region: Region, start: number): AsyncGenerator<Buffer> {
  const file = await open(region.path).catch((error: unknown) => {
    throw readFailure(region.path, error);
  });
  let reading: Promise<Buffer> | undefined;
  try {
    const buffers = Array.from({ length: BUFFERS }, () =>
      Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(1, region.size - start))),
    );
    const readInto = async (buffer: Buffer, position: number): Promise<Buffer> => {
      const length = Math.min(buffer.byteLength, region.size - position);
      const { bytesRead } = await file.read(buffer, 0, length, region.offset + position);
      if (bytesRead === 0) throw new LadingError('IO', `${region.path} was truncated while it was read`);
      return buffer.subarray(0, bytesRead);
    };
    let position = start;
    for (let turn = 0; position < region.size; turn += 1) {
      const chunk = await (reading ?? readInto(turnOf(buffers, turn), position));
      position += chunk.byteLength;
      reading = position < region.size ? readInto(turnOf(buffers, turn + 1), position) : undefined;
      reading?.catch(() => undefined); // awaited in the next turn, unless the reader has stopped
      yield chunk;
    }
  } catch (error) {
    throw error instanceof LadingError ? error : readFailure(region.path, error);
  } finally {
    // Wait for a read in progress: after close() its file descriptor could be one of another file.
    await reading?.catch(() => undefined);
    await file.close();
  }
}

function turnOf(buffers: readonly Buffer[], turn: number): Buffer {
  const buffer = buffers[turn % buffers.length];
  if (buffer === undefined) throw new Error('there are buffers');
  return buffer;
}
