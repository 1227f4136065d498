/** Size of a tar block. The first one is enough to recognise a tar. */
export const TAR_START_LENGTH = 512;

const CHECKSUM_START = 148;
const CHECKSUM_END = 156;
const MAGIC_START = 257;
const MAGIC_END = 262;

/**
 * True if content with this first block can be a tar: the checksum of its first header is right, or the tar is empty.
 * An empty tar is all zeros or, from old versions of Docker, has no bytes. (POSIX.1-1988, ustar; older formats have the
 * checksum too)
 */
export function isTarStart(start: Uint8Array): boolean {
  if (start.every((byte) => byte === 0)) return true;
  if (start.byteLength < TAR_START_LENGTH) return false;
  const field = Buffer.from(start.subarray(CHECKSUM_START, CHECKSUM_END)).toString('latin1');
  const [, octal] = /^ *([0-7]+)[ \0]/.exec(`${field} `) ?? [];
  if (octal === undefined) return false;
  const block = start.subarray(0, TAR_START_LENGTH);
  const checksum = Number.parseInt(octal, 8);
  return checksum === sumOf(block, (byte) => byte) || checksum === sumOf(block, signed);
}

/** True if the first block has the magic of ustar; some tools take that for a tar without looking at anything else. */
export function hasTarMagic(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(MAGIC_START, MAGIC_END)).toString('latin1') === 'ustar';
}

/** Sums the bytes of the block; those of the checksum field count as spaces. */
function sumOf(block: Uint8Array, weigh: (byte: number) => number): number {
  return block.reduce(
    (sum, byte, place) => sum + (place >= CHECKSUM_START && place < CHECKSUM_END ? 0x20 : weigh(byte)),
    0,
  );
}

/** Returns the byte as a signed number: some old tools summed signed characters. */
function signed(byte: number): number {
  return (byte << 24) >> 24;
}
