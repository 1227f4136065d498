import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../errors.js';
import type { ByteRange } from '../read/range.js';

/**
 * Parses the Content-Range of a chunk, `FIRST-LAST`. Undefined if there is none, as for a streamed upload; `'invalid'`
 * for any other form. (distribution-spec, "Pushing a blob in chunks")
 */
export function parseContentRange(header: string | undefined): ByteRange | 'invalid' | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined) return 'invalid';
  const start = Number(first);
  const length = Number(last) - start + 1;
  return length < 1 ? 'invalid' : { start, length };
}

/** Returns the announced size of a body in bytes; undefined if it is not announced. */
export function bodyLength(headers: IncomingHttpHeaders): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0); // Node.js refuses anything but digits
}

/** Yields at most `limit` bytes; throws the error of `tooMany` if there are more. */
export async function* atMost(
  chunks: AsyncIterable<Buffer>,
  limit: number,
  tooMany: () => Refusal,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    const fitting = chunk.subarray(0, limit - bytes);
    bytes += fitting.length;
    if (fitting.length > 0) yield fitting;
    if (fitting.length < chunk.length) throw tooMany();
  }
}

/** Returns the refusal of a request whose body does not match its Content-Range. */
export function wrongLength(expected: number, actual: string): Refusal {
  return new Refusal('SIZE_INVALID', `the Content-Range speaks of ${expected} bytes, the body has ${actual}`);
}
