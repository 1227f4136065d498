import type { PassThrough } from 'node:stream';

/** All that was written to a stream since it was last asked. From Node.js 26 on, one `read()` gives one chunk. */
export function takeWritten(stream: PassThrough): string {
  const chunks: Buffer[] = [];
  for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
