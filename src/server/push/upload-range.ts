import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../errors.js';
import type { ByteRange } from '../read/range.js';

/**
 * The Content-Range of a piece of an upload, `FIRST-LAST`; undefined for an upload that is streamed, and
 * `'invalid'` for what has not this form. (distribution-spec, "Pushing a blob in chunks")
 */
export function parseContentRange(header: string | undefined): ByteRange | 'invalid' | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^(\d{1,15})-(\d{1,15})$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined) return 'invalid';
  const start = Number(first);
  const length = Number(last) - start + 1;
  return length < 1 ? 'invalid' : { start, length };
}

/** How many bytes a request says it brings; undefined when it does not know itself. */
export function bodyLength(headers: IncomingHttpHeaders): number | undefined {
  if (headers['transfer-encoding'] !== undefined) return undefined;
  return Number(headers['content-length'] ?? 0); // digits: Node.js refuses all else
}

/** Passes on at most `limit` bytes; throws `tooMany` when there are more. */
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

/** A request whose body has another length than it says itself. */
export function wrongLength(expected: number, actual: string): Refusal {
  return new Refusal('SIZE_INVALID', `the Content-Range speaks of ${expected} bytes, the body has ${actual}`);
}
