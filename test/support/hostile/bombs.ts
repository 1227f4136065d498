import { gzipSync } from 'node:zlib';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { contentOf } from '../images.js';
import type { AttackGroup, FileAttack } from './attack.js';
import { asFile, asTar, goodImage, layoutParts, tarOfParts } from './image.js';

const MiB = 1024 * 1024;
const RATIO = 'what comes out is bounded by what went in (--max-ratio)';
const BOUNDED = 'decompression takes a bounded memory, whatever a frame asks for';
const PROGRESS = 'members and frames without content cost time in proportion to their bytes';

const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** A block of four bytes that decompresses to 128 KiB of zeros. (RFC 8878, 3.1.1.2.2) */
const RLE_BLOCK = Buffer.from([0x02, 0x00, 0x10, 0x00]);
const LAST_BLOCK = Buffer.from([0x01, 0x00, 0x00]);
/** A frame header without content size and checksum, with a window of 1 MiB. */
const ZSTD_HEADER = Buffer.from([0x00, 0x50]);

/** Returns a zstd frame that decompresses to zeros. */
export function zstdBomb(bytes: number): Buffer {
  const blocks = Array.from({ length: bytes / (128 * 1024) }, () => RLE_BLOCK);
  return Buffer.concat([ZSTD_MAGIC, ZSTD_HEADER, ...blocks, LAST_BLOCK]);
}

/** Returns mebibytes of zeros, each as a gzip member of its own, which is fast. */
export function gzipBomb(mebibytes: number): Buffer {
  const member = gzipSync(Buffer.alloc(MiB), { level: 9 });
  return Buffer.concat(Array.from({ length: mebibytes }, () => member));
}

/** Makes a layout with this layer and its media type. */
export function withLayer(mediaType: string, bytes: Buffer): Buffer {
  return tarOfParts(layoutParts(goodImage({ layer: contentOf(mediaType, bytes) })));
}

function skippable(length: number, content = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(0x184d2a50, 0);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, content]);
}

/** Returns an empty gzip member with a long file name in its header. (RFC 1952, 2.3) */
function longName(bytes: number): Buffer {
  const empty = gzipSync('');
  const header = Buffer.from(empty.subarray(0, 10));
  header[3] = 0x08;
  return Buffer.concat([header, Buffer.alloc(bytes, 'n'), Buffer.from([0]), empty.subarray(10)]);
}

function archive(
  name: string,
  what: string,
  rule: string,
  code: FileAttack['code'],
  make: () => Buffer,
): FileAttack {
  return { name, what, rule, code, place: asFile('in.tar', make) };
}

const emptyMember = gzipSync('');

export const BOMBS: AttackGroup = {
  title: 'decompression bombs',
  attacks: [
    archive('archive-zstd', 'an archive of 32 KB that expands to 1 GiB (zstd)', RATIO, 'TOO_LARGE', () =>
      zstdBomb(1024 * MiB),
    ),
    archive('archive-window', 'an archive that asks for a window of 3.75 TiB', BOUNDED, 'UNSUPPORTED', () =>
      Buffer.concat([ZSTD_MAGIC, Buffer.from([0x00, 0xff]), LAST_BLOCK]),
    ),
    archive('archive-content-size', 'an archive in one segment of 2^62 bytes', BOUNDED, 'UNSUPPORTED', () =>
      Buffer.concat([ZSTD_MAGIC, Buffer.from([0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40]), LAST_BLOCK]),
    ),
    archive(
      'archive-skippable',
      'an archive of a hundred thousand skippable frames',
      PROGRESS,
      'INVALID_ARCHIVE',
      () => Buffer.concat(Array.from({ length: 100_000 }, () => skippable(0))),
    ),
    archive('archive-skippable-lies', 'a skippable frame that claims 4 GiB', BOUNDED, 'INVALID_ARCHIVE', () =>
      skippable(0xffffffff),
    ),
    archive(
      'archive-members',
      'an archive of fifty thousand empty gzip members',
      PROGRESS,
      'INVALID_ARCHIVE',
      () => Buffer.concat(Array.from({ length: 50_000 }, () => emptyMember)),
    ),
    archive('archive-gzip-name', 'a gzip header with a name of 8 MiB', BOUNDED, 'INVALID_ARCHIVE', () =>
      longName(8 * MiB),
    ),
    archive(
      'archive-in-archive',
      'an archive that is compressed twice',
      'an archive is decompressed once',
      'INVALID_ARCHIVE',
      () => gzipSync(gzipSync(tarOfParts(layoutParts()))),
    ),
    {
      name: 'layer-zstd',
      what: 'a layer of 32 KB that expands to 1 GiB (zstd)',
      rule: RATIO,
      code: 'TOO_LARGE',
      unseenBy: ['ls', 'inspect', 'load', 'convert', 'copy'],
      place: asTar(() => withLayer(MEDIA_TYPE.ociLayerGzip, zstdBomb(1024 * MiB))),
    },
    {
      name: 'layer-other-type',
      what: 'the same layer, said to be plain',
      rule: 'compression is recognised by the bytes',
      code: 'TOO_LARGE',
      unseenBy: ['ls', 'inspect', 'load', 'convert', 'copy'],
      place: asTar(() => withLayer(MEDIA_TYPE.ociLayerTar, zstdBomb(1024 * MiB))),
    },
  ],
};
