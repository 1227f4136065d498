import { detectCompression, MAGIC_LENGTH } from '../content/compression.js';
import { contentSizeOf } from './zstd-frames.js';

/** RFC 1952, 2.3.1: the size of the plain bytes, modulo 2^32, is the last field of a member. */
const SIZE_FIELD_BYTES = 4;

export interface SizeHints {
  /** Bytes of the compressed content. */
  size: number;
  /** Its first bytes. */
  start: Buffer;
  /** Returns its last bytes, so many; undefined if they are not at hand. */
  readEnd: (length: number) => Promise<Buffer | undefined>;
}

/**
 * Returns how many bytes compressed content probably has when it is plain, or undefined if it gives no usable hint. It
 * may be wrong: gzip has the size of the last member only, modulo 4 GiB, and zstd that of the first frame.
 */
export async function expectedSize({ size, start, readEnd }: SizeHints): Promise<number | undefined> {
  switch (detectCompression(start.subarray(0, MAGIC_LENGTH))) {
    case 'none':
      return size;
    case 'gzip': {
      const end = await readEnd(SIZE_FIELD_BYTES);
      return end?.byteLength === SIZE_FIELD_BYTES ? plausible(end.readUInt32LE(), size) : undefined;
    }
    case 'zstd':
      return plausible(contentSizeOf(start), size);
    default:
      return undefined;
  }
}

/**
 * Compressing makes nothing much larger. A hint that says so is that of one part of several: the last member of eStargz
 * and bgzip is empty.
 */
function plausible(hint: number | undefined, size: number): number | undefined {
  return hint !== undefined && hint >= size * 0.99 ? hint : undefined;
}
