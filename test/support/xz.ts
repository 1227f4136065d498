import { crc32 } from 'node:zlib';

/** Makes an xz stream of stored LZMA2 chunks, because Node.js has no encoder. (The .xz File Format 1.2.1) */
export function xz(content: Buffer): Buffer {
  const flags = Buffer.from([0x00, 0x01]); // CRC32
  const header = Buffer.concat([Buffer.from('fd377a585a00', 'hex'), flags, checksum(flags)]);
  // One filter, LZMA2 with a dictionary of 4 KiB.
  const blockFields = Buffer.from([2, 0x00, 0x21, 0x01, 0x00, 0, 0, 0]);
  const block = Buffer.concat([blockFields, checksum(blockFields)]);
  const data = Buffer.concat([...chunks(content), Buffer.from([0x00])]);
  const unpadded = block.length + data.length + 4;
  const records = Buffer.concat([varint(1), varint(unpadded), varint(content.length)]);
  const indexFields = padded(Buffer.concat([Buffer.from([0x00]), records]));
  const index = Buffer.concat([indexFields, checksum(indexFields)]);
  const footerFields = Buffer.alloc(6);
  footerFields.writeUInt32LE(index.length / 4 - 1, 0);
  flags.copy(footerFields, 4);
  const footer = Buffer.concat([checksum(footerFields), footerFields, Buffer.from('YZ')]);
  return Buffer.concat([header, block, padded(data), checksum(content), index, footer]);
}

function* chunks(content: Buffer): Generator<Buffer> {
  for (let start = 0; start < content.length; start += 65536) {
    const piece = content.subarray(start, start + 65536);
    const size = Buffer.alloc(2);
    size.writeUInt16BE(piece.length - 1);
    yield Buffer.concat([Buffer.from([start === 0 ? 0x01 : 0x02]), size, piece]);
  }
}

function checksum(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(bytes));
  return sum;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}
