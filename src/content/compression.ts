/** How bytes are compressed. `none` means that they are not, or in a way that is not recognised. */
export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'none';

/** The number of first bytes that `detectCompression` needs. */
export const MAGIC_LENGTH = 6;

const MAGIC: readonly (readonly [Compression, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];
const SKIPPABLE_FRAME_TAIL = Buffer.from([0x2a, 0x4d, 0x18]);

/** Recognises the compression of content by its first bytes, without regard to its name or media type. */
export function detectCompression(firstBytes: Buffer): Compression {
  for (const [compression, magic] of MAGIC) {
    if (firstBytes.subarray(0, magic.length).equals(magic)) return compression;
  }
  // A zstd stream may begin with a skippable frame, magic 50..5f 2a 4d 18 (RFC 8878, 3.1.2).
  const first = firstBytes[0] ?? 0;
  if (first >> 4 === 0x5 && firstBytes.subarray(1, 4).equals(SKIPPABLE_FRAME_TAIL)) return 'zstd';
  return 'none';
}
