/** Bytes of a tar's first block; a tar is told by these. */
export const TAR_START_LENGTH = 512;

const CHECKSUM_START = 148;
const CHECKSUM_END = 156;
const MAGIC_START = 257;
const MAGIC_END = 262;

/**
 * Whether content that begins so can be a tar: its first header's checksum holds, or it is a tar of nothing, of
 * which zeros are left or, from old Docker, no byte at all. (POSIX.1-1988, ustar; older headers have the checksum too)
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

/** Whether content that begins so says of itself that it is a tar, which some readers believe before anything else. */
export function hasTarMagic(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(MAGIC_START, MAGIC_END)).toString('latin1') === 'ustar';
}

/** The field itself counts as spaces. */
function sumOf(block: Uint8Array, weigh: (byte: number) => number): number {
  return block.reduce(
    (sum, byte, place) => sum + (place >= CHECKSUM_START && place < CHECKSUM_END ? 0x20 : weigh(byte)),
    0,
  );
}

/** Some old writers summed signed characters. */
function signed(byte: number): number {
  return (byte << 24) >> 24;
}
