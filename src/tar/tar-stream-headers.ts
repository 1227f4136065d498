import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// tar-stream's streams cost too much for one header each: 20,000 entries take 1.4 s through `extract()` and
// 0.5 s through `pack()`, which moreover gives the bytes only later, when a writer must know its places at once.
// Its header codec alone takes 0.05 s, but the package exports only the streams, so the file is loaded by path.
const require = createRequire(import.meta.url);

/** What tar-stream reads out of one header block. Numbers may be NaN, negative or null when a field is broken. */
export interface DecodedHeader {
  name: string;
  size: number | null;
  linkname: string | null;
}

export interface HeaderFields {
  name: string;
  size: number;
  mode: number;
  uid: number;
  gid: number;
  mtime: Date;
  type: 'file' | 'directory' | 'symlink' | 'pax-header';
  linkname?: string;
}

interface HeaderCodec {
  /** Null for a block of zeros; throws when the checksum is wrong. */
  decode(block: Buffer, nameEncoding: 'utf8', allowUnknownFormat: boolean): DecodedHeader | null;
  /** Null when the name needs a pax header. */
  encode(fields: HeaderFields): Buffer | null;
  encodePax(fields: { name: string }): Buffer;
}

// The shape is that of tar-stream 3; the tests of reading and writing fail when it changes.
export const codec: HeaderCodec = require(join(dirname(require.resolve('tar-stream')), 'headers.js'));
