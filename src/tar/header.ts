import { codec } from './tar-stream-headers.js';

export const BLOCK_SIZE = 512;

/** One header block, its fields checked. */
export interface TarHeader {
  /** As it is written in the block, not cleaned. */
  name: string;
  linkName: string;
  size: number;
  /** The type flag as a character; NUL, which old writers use for files, is `0`. */
  type: string;
}

/** Why a block is not a header, or not one to be trusted. */
export class HeaderProblem extends Error {}

/** Why readers take a header, in itself sound, for different files. */
export class AmbiguousHeader extends HeaderProblem {}

const SIZE_OFFSET = 124;
const SIZE_LENGTH = 12;
const TYPE_OFFSET = 156;
const POSITIVE_BASE_256 = 0x80;

/** The header in a block, or undefined for a block of zeros; throws `HeaderProblem`. */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  let decoded: ReturnType<typeof codec.decode>;
  try {
    // Headers older than the `ustar` magic are accepted, as Docker does: the checksum still vouches for them.
    decoded = codec.decode(block, 'utf8', true);
  } catch (error) {
    throw new HeaderProblem('the checksum of the header is wrong', { cause: error });
  }
  if (decoded === null) return isZero(block) ? undefined : refuse('the header is empty');
  const { name, size, linkname } = decoded;
  if (size === null || !Number.isSafeInteger(size) || size < 0 || !isNumber(block)) {
    return refuse('the size in the header is not a number that can be right');
  }
  const type = block[TYPE_OFFSET] === 0 ? '0' : String.fromCharCode(block[TYPE_OFFSET] ?? 0);
  return { name, linkName: linkname ?? '', size, type };
}

/**
 * Whether the size is octal throughout, or a positive base-256 number. tar-stream stops reading at the first
 * odd character, and takes -1 for 0, where others refuse; two readers that disagree about a size see different
 * files in one archive.
 */
function isNumber(block: Buffer): boolean {
  const field = block.subarray(SIZE_OFFSET, SIZE_OFFSET + SIZE_LENGTH);
  return field[0] === POSITIVE_BASE_256 || /^ *[0-7]*[ \0]*$/.test(field.toString('latin1'));
}

export function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

export function paddingAfter(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

function refuse(problem: string): never {
  throw new HeaderProblem(problem);
}
