/** How bytes are compressed; `none` also stands for what is not known here. */
export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz' | 'none';

/** Enough first bytes for `detectCompression`. */
export const MAGIC_LENGTH = 6;

const MAGIC: readonly (readonly [Compression, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b, 0x08])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['bzip2', Buffer.from('BZh')],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
];
const SKIPPABLE_FRAME_TAIL = Buffer.from([0x2a, 0x4d, 0x18]);

/** Tells the compression by the first bytes, whatever the name or the media type says. */
export function detectCompression(firstBytes: Buffer): Compression {
  for (const [compression, magic] of MAGIC) {
    if (firstBytes.subarray(0, magic.length).equals(magic)) return compression;
  }
  // A zstd stream may begin with a skippable frame, magic 50..5f 2a 4d 18 (RFC 8878, 3.1.2).
  const first = firstBytes[0] ?? 0;
  if (first >> 4 === 0x5 && firstBytes.subarray(1, 4).equals(SKIPPABLE_FRAME_TAIL)) return 'zstd';
  return 'none';
}
