import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ContentBody } from '../answer.js';
import { exactly } from '../exactly.js';
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

  async function* chunks(): AsyncGenerator<Buffer> {
    for (const { range, head } of parts) {
      yield head;
      yield* exactly(await open(range), { size: range.length, endsEarly: true });
    }
    yield end;
  }

  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    body: {
      size: parts.reduce((sum, { range, head }) => sum + head.length + range.length, end.length),
      endsEarly: false,
      open: async () => Readable.from(chunks(), { objectMode: false }),
    },
  };
}

/** The value of Content-Range. (RFC 9110, 14.4) */
export function contentRange({ start, length }: ByteRange, size: number): string {
  return `bytes ${start}-${start + length - 1}/${size}`;
}
