import { LadingError } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { corrupt, endsEarly } from './problems.js';

/** The largest window that `zstd` itself accepts by default. RFC 8878 recommends 8 MiB. */
const MAX_WINDOW = 128 * 1024 * 1024;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const MAX_BLOCK = 128 * 1024;
const CHECKSUM_LENGTH = 4;
const RLE = 1;
const RESERVED = 3;

/**
 * Splits a zstd stream into frames, and yields the bytes of each frame block by block; skips skippable frames. (RFC
 * 8878, 3.1) The decoders cannot do this: the one in Node.js silently stops after the first frame and accepts a stream
 * that is cut short, and fzstd allocates windows of 2 GiB.
 */
export async function* zstdFrames(source: ByteSource, name: string): AsyncGenerator<AsyncGenerator<Buffer>> {
  for (;;) {
    const magic = await source.take(4);
    if (magic.length === 0) return;
    if (magic.length < 4) throw endsEarly(name, 'zstd');
    const number = magic.readUInt32LE();
    if (number === FRAME_MAGIC) yield frameBytes(source, name, magic);
    else if ((number & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await skipFrame(source, name);
    else throw corrupt(name, 'zstd', 'other data follows it');
  }
}

/** Returns the size that the first frame states for its content, or undefined: it need not, and may be skippable. */
export function contentSizeOf(start: Buffer): number | undefined {
  if (start.byteLength < 5 || start.readUInt32LE() !== FRAME_MAGIC) return undefined;
  const { fieldsLength, sizeLength } = parseDescriptor(start[4] ?? 0);
  const field = start.subarray(5 + fieldsLength - sizeLength, 5 + fieldsLength);
  if (sizeLength === 0 || field.byteLength < sizeLength) return undefined;
  if (sizeLength === 8) return Number(field.readBigUInt64LE());
  // RFC 8878, 3.1.1.1.4: two bytes do not count from 0.
  return field.readUIntLE(0, sizeLength) + (sizeLength === 2 ? 256 : 0);
}

async function* frameBytes(source: ByteSource, name: string, magic: Buffer): AsyncGenerator<Buffer> {
  const descriptor = await exactly(source, 1, name);
  const header = parseDescriptor(descriptor[0] ?? 0);
  const fields = await exactly(source, header.fieldsLength, name);
  if (windowSize(header, fields) > MAX_WINDOW) {
    throw new LadingError('UNSUPPORTED', `${name} needs a zstd window of more than ${MAX_WINDOW} bytes`, {
      hint: 'Compress it again without --long or --ultra.',
    });
  }
  if (header.dictionaryLength > 0) {
    throw new LadingError('UNSUPPORTED', `${name} needs a zstd dictionary`, {
      hint: 'Compress it again without one.',
    });
  }
  let lead = Buffer.concat([magic, descriptor, fields]);
  for (;;) {
    const blockHeader = await exactly(source, 3, name);
    const word = blockHeader.readUIntLE(0, 3);
    const type = (word >> 1) & 3;
    const size = type === RLE ? 1 : word >> 3;
    if (type === RESERVED || word >> 3 > MAX_BLOCK) throw corrupt(name, 'zstd', 'a block is not valid');
    const isLast = (word & 1) === 1;
    const rest = await exactly(source, size + (isLast && header.hasChecksum ? CHECKSUM_LENGTH : 0), name);
    yield Buffer.concat([lead, blockHeader, rest]);
    if (isLast) return;
    lead = Buffer.alloc(0);
  }
}

interface FrameHeader {
  singleSegment: boolean;
  hasChecksum: boolean;
  dictionaryLength: number;
  sizeLength: number;
  /** Window descriptor, dictionary ID and content size together. */
  fieldsLength: number;
}

// RFC 8878, 3.1.1.1.1
function parseDescriptor(byte: number): FrameHeader {
  const singleSegment = (byte & 0x20) !== 0;
  const dictionaryLength = [0, 1, 2, 4][byte & 3] ?? 0;
  const sizeLength = [singleSegment ? 1 : 0, 2, 4, 8][byte >> 6] ?? 0;
  return {
    singleSegment,
    hasChecksum: (byte & 0x04) !== 0,
    dictionaryLength,
    sizeLength,
    fieldsLength: (singleSegment ? 0 : 1) + dictionaryLength + sizeLength,
  };
}

// RFC 8878, 3.1.1.1.2: in a single segment, the window is as large as the content.
function windowSize(header: FrameHeader, fields: Buffer): number {
  if (!header.singleSegment) {
    const byte = fields[0] ?? 0;
    const base = 2 ** (10 + (byte >> 3));
    return base + (base / 8) * (byte & 7);
  }
  const size = fields.subarray(header.dictionaryLength);
  if (header.sizeLength === 8) return Number(size.readBigUInt64LE());
  return size.readUIntLE(0, header.sizeLength);
}

async function skipFrame(source: ByteSource, name: string): Promise<void> {
  let left = (await exactly(source, 4, name)).readUInt32LE();
  while (left > 0) {
    const chunk = await source.next();
    if (chunk === undefined) throw endsEarly(name, 'zstd');
    source.unread(chunk.subarray(left));
    left -= Math.min(left, chunk.length);
  }
}

async function exactly(source: ByteSource, length: number, name: string): Promise<Buffer> {
  const bytes = await source.take(length);
  if (bytes.length < length) throw endsEarly(name, 'zstd');
  return bytes;
}
