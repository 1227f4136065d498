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

/** Why an entry is refused though its header is sound. */
export class RefusedHeader extends HeaderProblem {}

/** Why readers take a header, in itself sound, for different files. */
export class AmbiguousHeader extends HeaderProblem {}

/** Offset and length of the fields of a header. (POSIX pax, "ustar Interchange Format") */
const NAME = [0, 100] as const;
const SIZE = [124, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE_OFFSET = 156;
const LINK_NAME = [157, 100] as const;
const MAGIC = [257, 6] as const;
const PREFIX = [345, 155] as const;

const POSITIVE_BASE_256 = 0x80;
const SPACE = 0x20;

/**
 * The header in a block, or undefined for a block of zeros; throws `HeaderProblem`. This is our own code because
 * tar-stream gives headers only through streams, which take 1.4 s for the 20,000 headers that this reads in 0.05 s.
 */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  const checksum = checksumOf(block);
  if (checksum === CHECKSUM[1] * SPACE) return isZero(block) ? undefined : refuse('the header is empty');
  // Headers older than the `ustar` magic are accepted, as Docker does: the checksum still vouches for them.
  if (readOctal(block, CHECKSUM) !== checksum) return refuse('the checksum of the header is wrong');
  const size = block[SIZE[0]] === POSITIVE_BASE_256 ? readBase256(block, SIZE) : readOctal(block, SIZE);
  if (size === undefined || !Number.isSafeInteger(size)) {
    return refuse('the size in the header is not a number that can be right');
  }
  // Only ustar has a prefix; in GNU's headers other fields are in its place.
  const prefix =
    readText(block, MAGIC, 'latin1') === 'ustar' && block[MAGIC[0] + 5] === 0 ? readText(block, PREFIX) : '';
  const name = readText(block, NAME);
  const type = block[TYPE_OFFSET] === 0 ? '0' : String.fromCharCode(block[TYPE_OFFSET] ?? 0);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: readText(block, LINK_NAME),
    size,
    type,
  };
}

type Field = readonly [offset: number, length: number];

/** Up to the first NUL. */
function readText(block: Buffer, [offset, length]: Field, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.toString(encoding, 0, end < 0 ? length : end);
}

/**
 * Undefined unless the whole field is octal, between spaces and NULs. Some readers stop at the first odd character,
 * others refuse: two readers that disagree about a size see different files in one archive.
 */
function readOctal(block: Buffer, [offset, length]: Field): number | undefined {
  const [, digits] = /^ *([0-7]*)[ \0]*$/.exec(block.toString('latin1', offset, offset + length)) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits || '0', 8);
}

/** A number of GNU and star: big-endian after a first byte that says so. Beyond 2^53 it is not exact. */
function readBase256(block: Buffer, [offset, length]: Field): number {
  return block.subarray(offset + 1, offset + length).reduce((value, byte) => value * 256 + byte, 0);
}

/** The sum of the bytes, where the checksum itself counts as spaces. */
function checksumOf(block: Buffer): number {
  const [offset, length] = CHECKSUM;
  let sum = length * SPACE;
  for (const byte of block) sum += byte;
  for (const byte of block.subarray(offset, offset + length)) sum -= byte;
  return sum;
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
