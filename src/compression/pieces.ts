import { giveBackChunk } from '../content/chunks.js';

/** Of this size are the pieces that pass between threads, and that are written. */
export const PIECE_BYTES = 256 * 1024;

/**
 * Yields the bytes of `chunks` in pieces of `PIECE_BYTES`; only the last is smaller. Each lies in the memory that `take`
 * returns for it, by default always the same, so that it is valid only until the next one is asked for.
 * The chunks are copied, and given back.
 */
export async function* inPieces(
  chunks: AsyncIterable<Buffer>,
  take: () => Promise<ArrayBuffer> = ownMemory(),
): AsyncGenerator<Buffer<ArrayBuffer>> {
  let piece: Buffer<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.byteLength; ) {
      piece ??= Buffer.from(await take());
      const copied = chunk.copy(piece, filled, start);
      start += copied;
      filled += copied;
      if (filled < PIECE_BYTES) continue;
      yield piece;
      piece = undefined;
      filled = 0;
    }
    giveBackChunk(chunk);
  }
  if (piece !== undefined && filled > 0) yield piece.subarray(0, filled);
}

function ownMemory(): () => Promise<ArrayBuffer> {
  let memory: ArrayBuffer | undefined;
  return async () => {
    memory ??= new ArrayBuffer(PIECE_BYTES);
    return memory;
  };
}
