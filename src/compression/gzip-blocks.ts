import { crc32 } from 'node:zlib';
import type { ByteSource } from './byte-source.js';
import { BLOCK_BYTES, type Block, contentOf, DICTIONARY_BYTES } from './deflate.js';
import type { DeflatePool } from './deflate-pool.js';

// RFC 1952, 2.3: deflate, no name, no time, operating system unknown.
const HEADER = Buffer.from('1f8b08000000000000ff', 'hex');
// RFC 1951, 3.2.3: an empty final block.
const END_OF_DEFLATE = Buffer.from('0300', 'hex');

/**
 * Compresses all of `source` to one gzip member. The blocks are compressed independently, each with the end of the
 * previous block as its dictionary. Together they are one deflate stream, hardly larger than one that is compressed in
 * one piece, and it depends only on content, level and zlib. (A member for each block would be legal too, but some
 * readers stop after the first.)
 */
export async function* gzipBlocks(
  source: ByteSource,
  pool: DeflatePool,
  level: number,
): AsyncGenerator<Buffer> {
  const underWay: Promise<Buffer>[] = [];
  let checksum = 0;
  let size = 0;
  const stream = pool.addStream();
  try {
    yield HEADER;
    for await (const block of blocksOf(source, pool, level)) {
      checksum = crc32(contentOf(block), checksum);
      const deflating = pool.deflate(block, size);
      deflating.catch(() => undefined); // reported by the await in `first`; this avoids an unhandled rejection until then
      underWay.push(deflating);
      size += block.length;
      while (underWay.length >= pool.shareOf(stream)) yield* first(underWay);
    }
    while (underWay.length > 0) yield* first(underWay);
    yield trailer(checksum, size);
  } finally {
    pool.removeStream(stream);
  }
}

/** Yields the content of `source` in blocks. Only the last block may be less than full. */
async function* blocksOf(source: ByteSource, pool: DeflatePool, level: number): AsyncGenerator<Block> {
  let dictionary = new Uint8Array(0);
  let isFull = true;
  while (isFull) {
    const memory = new Uint8Array(pool.takeMemory());
    memory.set(dictionary, DICTIONARY_BYTES - dictionary.length);
    const length = await fill(memory.subarray(DICTIONARY_BYTES), source);
    isFull = length === BLOCK_BYTES;
    const block = { memory: memory.buffer, dictionaryLength: dictionary.length, length, level };
    dictionary = memory.slice(-DICTIONARY_BYTES); // a copy: the memory of the block is transferred to a thread
    if (length > 0) yield block;
  }
}

/** Fills `target` from the source, and returns the number of bytes; it is less than the target's only at the end. */
async function fill(target: Uint8Array, source: ByteSource): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const chunk = await source.next();
    if (chunk === undefined) break;
    const part = chunk.subarray(0, target.length - filled);
    target.set(part, filled);
    filled += part.length;
    source.unread(chunk.subarray(part.length));
  }
  return filled;
}

async function* first(underWay: Promise<Buffer>[]): AsyncGenerator<Buffer> {
  const deflated = await underWay.shift();
  if (deflated !== undefined) yield deflated;
}

// RFC 1952, 2.3.1: the size modulo 2^32.
function trailer(checksum: number, size: number): Buffer {
  const fields = Buffer.alloc(8);
  fields.writeUInt32LE(checksum, 0);
  fields.writeUInt32LE(size % 2 ** 32, 4);
  return Buffer.concat([END_OF_DEFLATE, fields]);
}
