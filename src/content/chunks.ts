/** The size of the chunks in which large content is hashed and written. */
export const CHUNK_BYTES = 1024 * 1024;

/** A run seldom uses more buffers at a time. Buffers that are returned beyond this number are left to the collector. */
const MAX_FREE = 32;

const free: Buffer[] = [];
const lent = new WeakSet<ArrayBufferLike>();

/**
 * Returns a buffer of `CHUNK_BYTES` to receive content in. The last user of the bytes may return it with
 * `giveBackChunk`, but does not have to. Reuse saves about 0.5 s of processor time for 380 MB: the system has to clear
 * the pages of new buffers.
 */
export function takeChunk(): Buffer {
  const chunk = free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  lent.add(chunk.buffer);
  return chunk;
}

/**
 * Returns the buffer that `chunk` is a view of for reuse. Nobody may read its bytes afterwards. Does nothing if the
 * buffer did not come from `takeChunk`.
 */
export function giveBackChunk(chunk: Buffer): void {
  if (lent.delete(chunk.buffer) && free.length < MAX_FREE) free.push(Buffer.from(chunk.buffer));
}
