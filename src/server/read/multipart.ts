import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ContentBody } from '../answer.js';
import { type ReadsInto, readsInto } from '../exactly.js';
import type { ByteRange } from './range.js';

export interface MultipartOptions {
  /** Size of the whole content in bytes. */
  size: number;
  /** The Content-Type of the content. */
  contentType: string;
  /** Opens the content at a range; the stream may continue after its end. */
  open: (range: ByteRange) => Promise<Readable>;
}

/** Returns a body with several ranges of the content, and its Content-Type, which has the boundary. (RFC 9110, 14.6) */
export function multipartBody(
  ranges: readonly ByteRange[],
  { size, contentType, open }: MultipartOptions,
): { contentType: string; body: ContentBody } {
  // Random, so that no content can contain it on purpose.
  const boundary = randomBytes(16).toString('hex');
  const parts = ranges.map((range, index) => ({ range, head: partHead(range, index) }));
  const end = Buffer.from(`\r\n--${boundary}--\r\n`);

  function partHead({ start, length }: ByteRange, index: number): Buffer {
    const lines = [
      `${index === 0 ? '' : '\r\n'}--${boundary}`,
      `Content-Type: ${contentType}`,
      `Content-Range: ${contentRange({ start, length }, size)}`,
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  }

  const pieces: Piece[] = [
    ...parts.flatMap(({ range, head }) => [
      { length: head.length, open: async () => Readable.from([head], { objectMode: false }) },
      { length: range.length, open: () => open(range) },
    ]),
    { length: end.length, open: async () => Readable.from([end], { objectMode: false }) },
  ];
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    body: {
      size: pieces.reduce((sum, { length }) => sum + length, 0),
      endsEarly: false,
      open: async () => joined(pieces),
    },
  };
}

/** Returns the value of Content-Range. (RFC 9110, 14.4) */
export function contentRange({ start, length }: ByteRange, size: number): string {
  return `bytes ${start}-${start + length - 1}/${size}`;
}

/** A part of a body; the opened stream may continue after its end. */
interface Piece {
  length: number;
  open: () => Promise<Readable>;
}

/** Concatenates pieces. They are read into the reader's own buffer, so that only that much is in memory. */
function joined(pieces: readonly Piece[]): ReadsInto {
  let place = 0;
  let left = 0;
  let current: { stream: Readable; readInto: ReadsInto['readInto'] } | undefined;

  /** Opens the next piece; returns false if there is none. */
  async function openNext(): Promise<boolean> {
    current?.stream.destroy();
    const piece = pieces[place];
    if (piece === undefined) return false;
    place += 1;
    const opened = await piece.open();
    opened.on('error', () => undefined); // reading reports it too
    if (stream.destroyed) opened.destroy();
    current = { stream: opened, readInto: readsInto(opened) ? opened.readInto : readerOf(opened) };
    left = piece.length;
    return true;
  }

  /** Fills the whole buffer if possible, even across pieces, because the heads are small. */
  const readInto = async (buffer: Buffer): Promise<number> => {
    let filled = 0;
    while (filled < buffer.length && (left > 0 || (await openNext()))) {
      const wanted = buffer.subarray(filled, filled + left);
      const bytesRead = (await current?.readInto(wanted)) ?? 0;
      if (bytesRead === 0) throw new Error(`a range ended ${left} bytes before its end`);
      left -= bytesRead;
      filled += bytesRead;
    }
    return filled;
  };

  const stream = new Readable({
    read() {
      const buffer = Buffer.allocUnsafe(this.readableHighWaterMark);
      readInto(buffer).then(
        (bytesRead) => this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead)),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      current?.stream.destroy();
      callback(error);
    },
  });
  return Object.assign(stream, { readInto });
}

/** Returns a `readInto` for any stream. */
function readerOf(stream: Readable): ReadsInto['readInto'] {
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return async (buffer) => {
    while (rest.length === 0) {
      const { done, value } = await chunks.next();
      if (done === true) return 0;
      rest = value;
    }
    const bytesRead = rest.copy(buffer);
    rest = rest.subarray(bytesRead);
    return bytesRead;
  };
}
