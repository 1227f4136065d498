import type { PassThrough } from 'node:stream';

/**
 * Returns everything written to a stream since the last call. Since Node.js 26, one `read()` returns only one chunk.
 */
export function takeWritten(stream: PassThrough): string {
  const chunks: Buffer[] = [];
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
