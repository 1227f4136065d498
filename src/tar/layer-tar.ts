import { printable } from '../errors.js';
import { BLOCK_SIZE, paddingAfter } from './header.js';

/** Offset and end of a field of a header. (POSIX pax, "ustar Interchange Format") */
interface Field {
  start: number;
  end: number;
}

const NAME = [0, 100] as const;
// Every form of tar has these numbers; a bad one is refused like a bad size.
const MODE: Field = { start: 100, end: 108 };
const UID: Field = { start: 108, end: 116 };
const GID: Field = { start: 116, end: 124 };
const SIZE: Field = { start: 124, end: 136 };
const TIME: Field = { start: 136, end: 148 };
const CHECKSUM: Field = { start: 148, end: 156 };
const TYPE_OFFSET = 156;
const PREFIX = [345, 500] as const;

const FILE = 0x30;
const OLD_FILE = '\0';
const SPARSE = 'S';
const BODILESS = '123456';
const EXTENSIONS = 'xgLK';

const SPACE = 0x20;
const IS_BASE_256 = 0x80;
const IS_NEGATIVE = 0x40;

/** Longer extensions are taken by some versions of the engines and refused by others. */
const MAX_EXTENSION_BYTES = 1024 * 1024;

/** Why the engines refuse a tar, as the rest of a sentence that begins with it. */
class Broken extends Error {}

/** A header that only extends the next, while its body passes by. */
interface Extension {
  type: string;
  body: Buffer;
  filled: number;
}

/**
 * Finds what keeps Docker, containerd and podman from reading the tar of a layer while its bytes pass by; bodies are
 * passed over. The three read with Go's archive/tar or a copy of it, and its rules are those that are kept here, as
 * tried with Docker 20.10, containerd 1.6 and podman 4.3. `decodeHeader` and `parsePax` do not serve: they refuse what
 * readers take differently, of which the engines take most. Where one engine may differ from another, nothing is said.
 */
export class LayerTarCheck {
  /** A header that is gathered from several chunks, or lies askew in one, and the same bytes as words. */
  readonly #block = Buffer.from(new ArrayBuffer(BLOCK_SIZE));
  readonly #blockWords = new Int32Array(this.#block.buffer);
  /** The chunk that passes, as words of the memory that it is a part of. */
  #words: Int32Array = this.#blockWords;
  #gathered = 0;
  /** Where the header begins, and where the next one does. */
  #start = 0;
  #next = 0;
  /** Bytes of a body and of its padding that have yet to pass. Only padding may be missing at the end. */
  #passing = 0;
  #padding = 0;
  #extension: Extension | undefined;
  /** What extensions say of the entry that follows. */
  #pax: ReadonlyMap<string, string> | undefined;
  #longName: string | undefined;
  #isBehindZeros = false;
  #isDone = false;
  #problem: string | undefined;

  update(chunk: Buffer): void {
    this.#words = new Int32Array(chunk.buffer, 0, chunk.buffer.byteLength >> 2);
    try {
      for (let at = 0; at < chunk.length && !this.#isDone; )
        at += this.#passing > 0 ? this.#pass(chunk, at) : this.#gather(chunk, at);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#isDone = true;
      this.#problem = error.message;
    }
  }

  /** What is wrong, once all bytes have passed, as the rest of a sentence that begins with the tar. */
  problem(): string | undefined {
    if (this.#isDone) return this.#problem;
    if (this.#passing > this.#padding) return `ends inside the entry at byte ${this.#start}`;
    if (this.#gathered > 0 && !this.#isBehindZeros) return `ends inside the header at byte ${this.#start}`;
    return undefined;
  }

  /** Returns how many bytes of the chunk were of a body. */
  #pass(chunk: Buffer, at: number): number {
    const length = Math.min(this.#passing, chunk.length - at);
    const extension = this.#extension;
    if (extension !== undefined) {
      extension.filled += chunk.copy(extension.body, extension.filled, at, at + length);
      if (extension.filled === extension.body.length) this.#takeExtension(extension);
    }
    this.#passing -= length;
    return length;
  }

  /** Returns how many bytes of the chunk were of a header. */
  #gather(chunk: Buffer, at: number): number {
    this.#start = this.#next;
    const place = chunk.byteOffset + at;
    if (this.#gathered === 0 && chunk.length - at >= BLOCK_SIZE && place % 4 === 0) {
      this.#readHeader(chunk, at, sumOf(this.#words, place / 4));
      return BLOCK_SIZE;
    }
    const length = chunk.copy(this.#block, this.#gathered, at, at + BLOCK_SIZE - this.#gathered);
    this.#gathered += length;
    if (this.#gathered < BLOCK_SIZE) return length;
    this.#gathered = 0;
    this.#readHeader(this.#block, 0, sumOf(this.#blockWords, 0));
    return length;
  }

  /** Reads the header at a place of a chunk, without a copy or a view of it: those take longer than all the rest. */
  #readHeader(chunk: Buffer, at: number, sum: number): void {
    this.#next += BLOCK_SIZE;
    if (sum === 0) {
      // Two blocks of zeros are the end, behind which nobody looks.
      this.#isDone = this.#isBehindZeros;
      this.#isBehindZeros = true;
      return;
    }
    if (this.#isBehindZeros) this.#refuse('stands behind a lone block of zeros');
    if (!hasChecksum(chunk, at, sum)) this.#refuse('has a wrong checksum');
    const size = sizeIn(chunk, at);
    if (Number.isNaN(size)) this.#refuse('has a size that is no number');
    if (!isNumber(chunk, at, MODE)) this.#refuse('has a mode that is no number');
    if (!isNumber(chunk, at, UID)) this.#refuse('has a uid that is no number');
    if (!isNumber(chunk, at, GID)) this.#refuse('has a gid that is no number');
    if (!isNumber(chunk, at, TIME)) this.#refuse('has a time that is no number');
    const type = chunk[at + TYPE_OFFSET] ?? 0;
    if (type === FILE) this.#readFile(size);
    else if (EXTENSIONS.includes(String.fromCharCode(type)))
      this.#beginExtension(String.fromCharCode(type), size);
    else this.#readOther(chunk.subarray(at, at + BLOCK_SIZE), size);
  }

  #beginExtension(type: string, size: number): void {
    if (size > MAX_EXTENSION_BYTES) {
      this.#isDone = true;
      return;
    }
    this.#expect(size);
    const extension = { type, body: Buffer.allocUnsafe(size), filled: 0 };
    if (size > 0) this.#extension = extension;
    else this.#takeExtension(extension);
  }

  #takeExtension({ type, body }: Extension): void {
    this.#extension = undefined;
    // NUL is looked for in ASCII keys and in values alone, and no name is shown: bytes serve for characters.
    const text = body.toString('latin1');
    if (type === 'L') this.#longName = textUpToNUL(text);
    if (type === 'x') this.#pax = this.#parsePax(text);
    if (type === 'g') {
      this.#parsePax(text);
      // Whatever was said before a global header is forgotten.
      this.#pax = undefined;
      this.#longName = undefined;
    }
  }

  #readFile(size: number): void {
    this.#expect(this.#mergePax(this.#takePending().pax, size));
  }

  /** Reads the header of an entry that may be no file. */
  #readOther(block: Buffer, headerSize: number): void {
    const { pax, longName } = this.#takePending();
    const size = this.#mergePax(pax, headerSize);
    const type = String.fromCharCode(block[TYPE_OFFSET] ?? 0);
    // Links, devices, directories and pipes have no body, whatever size is said.
    if (BODILESS.includes(type)) return;
    const name = longName || pax?.get('path') || textUpToNUL(block.toString('latin1', ...NAME));
    if (type === OLD_FILE) {
      // An old writer's directory has no body either.
      this.#expect(name.endsWith('/') ? 0 : size);
      return;
    }
    if (isUnpacked(name, block)) this.#refuse(`has the type "${printable(type)}", which no engine unpacks`);
    // What follows the header of an old sparse file may be a map that its size does not count.
    if (type === SPARSE) this.#isDone = true;
    this.#expect(size);
  }

  /** Returns the size that counts. */
  #mergePax(pax: ReadonlyMap<string, string> | undefined, headerSize: number): number {
    let size = headerSize;
    for (const [key, value] of pax ?? []) {
      if (value === '') continue; // the header counts
      const isSound = PAX_NUMBERS.get(key)?.test(value) ?? true;
      if (!isSound) this.#refuse(`has a pax record of its ${key} that is no number`);
      if (key !== 'size') continue;
      size = Number(value);
      if (Math.abs(size) > 2 ** 63) this.#refuse('has a pax record of a size beyond 64 bits');
    }
    return size;
  }

  #takePending(): { pax: ReadonlyMap<string, string> | undefined; longName: string | undefined } {
    const pending = { pax: this.#pax, longName: this.#longName };
    this.#pax = undefined;
    this.#longName = undefined;
    return pending;
  }

  #expect(size: number): void {
    if (size < 0) this.#refuse('has a negative size');
    this.#padding = paddingAfter(size);
    this.#passing = size + this.#padding;
    this.#next += this.#passing;
  }

  /** The records of a pax header, of which the last of a key counts. */
  #parsePax(text: string): Map<string, string> {
    const records = new Map<string, string>();
    for (let position = 0; position < text.length; ) {
      const space = text.indexOf(' ', position);
      const digits = space < 0 ? '' : text.slice(position, space);
      const end = position + Number(digits);
      const equals = text.indexOf('=', space);
      if (
        !/^\+?[0-9]+$/.test(digits) ||
        end > text.length ||
        text[end - 1] !== '\n' ||
        equals <= space + 1 ||
        equals >= end - 1
      )
        this.#refuse('has pax records that cannot be read');
      const key = text.slice(space + 1, equals);
      const value = text.slice(equals + 1, end - 1);
      if ((PAX_TEXTS.has(key) ? value : key).includes('\0'))
        this.#refuse('has a pax record with a NUL where there may be none');
      records.set(key, value);
      position = end;
    }
    return records;
  }

  #refuse(problem: string): never {
    throw new Broken(`is broken: the header at byte ${this.#start} ${problem}`);
  }
}

/** In whose values no NUL may be; elsewhere binary values are usual. */
const PAX_TEXTS: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname']);

const INTEGER = /^[+-]?[0-9]+$/;
const PAX_TIME = /^[+-]?[0-9]+(\.[0-9]*)?$/;
const PAX_NUMBERS: ReadonlyMap<string, RegExp> = new Map([
  ['size', INTEGER],
  ['uid', INTEGER],
  ['gid', INTEGER],
  ['atime', PAX_TIME],
  ['ctime', PAX_TIME],
  ['mtime', PAX_TIME],
]);

/** Whether engines unpack what has this name: whiteouts are names alone, and the root is there already. */
function isUnpacked(name: string, block: Buffer): boolean {
  const isWhiteout = name.includes('.wh.') || block.toString('latin1', ...PREFIX).includes('.wh.');
  return !isWhiteout && name.split('/').every((part) => part !== '..') && !/^[./]*$/.test(name);
}

/**
 * The sum of the bytes of a header, four at a time, which takes a fifth of the time of one after the other. Two bytes
 * of each of 128 words are less than 2^16 together.
 */
function sumOf(words: Int32Array, start: number): number {
  let sum = 0;
  for (let place = start; place < start + BLOCK_SIZE / 4; place++) {
    const word = words[place] ?? 0;
    sum = (sum + (word & 0xff00ff) + ((word >>> 8) & 0xff00ff)) | 0;
  }
  return (sum & 0xffff) + (sum >>> 16);
}

/** Whether the checksum of a header is right, given the sum of all bytes. It counts as spaces itself. */
function hasChecksum(bytes: Buffer, at: number, sumOfAll: number): boolean {
  const start = at + CHECKSUM.start;
  const end = at + CHECKSUM.end;
  const checksum = octalIn(bytes, at, CHECKSUM);
  let sum = sumOfAll + (end - start) * SPACE;
  for (let place = start; place < end; place++) sum -= bytes[place] ?? 0;
  if (checksum === sum) return true;
  // Some old writers summed signed characters.
  for (let place = at; place < at + BLOCK_SIZE; place++) {
    if ((bytes[place] ?? 0) >= 0x80 && (place < start || place >= end)) sum -= 0x100;
  }
  return checksum === sum;
}

/** Whether a number can be read that is not needed here. */
function isNumber(bytes: Buffer, at: number, field: Field): boolean {
  return ((bytes[at + field.start] ?? 0) & IS_BASE_256) !== 0 || !Number.isNaN(octalIn(bytes, at, field));
}

/** NaN where it is no number, or one beyond 2^63. Beyond 2^53 it is not exact: no stream is that long. */
function sizeIn(bytes: Buffer, at: number): number {
  const first = bytes[at + SIZE.start] ?? 0;
  if ((first & IS_BASE_256) === 0) return octalIn(bytes, at, SIZE);
  if ((first & IS_NEGATIVE) !== 0) return -1; // which one does not matter
  let size = first & ~IS_BASE_256;
  for (let place = at + SIZE.start + 1; place < at + SIZE.end; place++)
    size = size * 256 + (bytes[place] ?? 0);
  return size < 2 ** 63 ? size : Number.NaN;
}

/** An octal number between spaces and NULs, up to a NUL within; NaN where it is none. */
function octalIn(bytes: Buffer, at: number, field: Field): number {
  let place = at + field.start;
  let end = at + field.end;
  while (place < end && isBlank(bytes[place])) place++;
  while (end > place && isBlank(bytes[end - 1])) end--;
  let value = 0;
  for (; place < end; place++) {
    const byte = bytes[place] ?? 0;
    if (byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return Number.NaN;
    value = value * 8 + byte - 0x30;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0;
}

function textUpToNUL(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
