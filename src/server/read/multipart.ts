import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ContentBody } from '../answer.js';
import { type ReadsInto, readsInto } from '../exactly.js';
import type { ByteRange } from './range.js';

export interface MultipartOptions {
  /** Bytes of the whole content. */
  size: number;
  /** Of the content. */
  contentType: string;
  /** Opens a part of the content; what comes may go on behind it. */
  open: (range: ByteRange) => Promise<Readable>;
}

/** Several ranges of one content as a body, and the Content-Type that tells how to take it apart. (RFC 9110, 14.6) */
export function multipartBody(
  ranges: readonly ByteRange[],
  { size, contentType, open }: MultipartOptions,
): { contentType: string; body: ContentBody } {
  // By chance, so that no content can hold it on purpose.
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

/** The value of Content-Range. (RFC 9110, 14.4) */
export function contentRange({ start, length }: ByteRange, size: number): string {
  return `bytes ${start}-${start + length - 1}/${size}`;
}

/** Some bytes of a body; what is opened may go on behind them. */
interface Piece {
  length: number;
  open: () => Promise<Readable>;
}

/** Pieces one after the other, read into the reader's own memory, so that no more of them is ever in memory. */
function joined(pieces: readonly Piece[]): ReadsInto {
  let place = 0;
  let left = 0;
  let current: { stream: Readable; readInto: ReadsInto['readInto'] } | undefined;

  /** Whether there is one more. */
  async function openNext(): Promise<boolean> {
    current?.stream.destroy();
    const piece = pieces[place];
    if (piece === undefined) return false;
    place += 1;
    const opened = await piece.open();
    opened.on('error', () => undefined); // whoever reads gets it, too
    if (stream.destroyed) opened.destroy();
    current = { stream: opened, readInto: readsInto(opened) ? opened.readInto : readerOf(opened) };
    left = piece.length;
    return true;
  }

  /** Fills the buffer, as long as there is something to fill it with: heads are small. */
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

/** Reads a stream of any kind in pieces that fit. */
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
