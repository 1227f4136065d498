import type { ContentBody } from './answer.js';

/**
 * Passes on exactly `size` bytes, or throws. The newest chunk is held back until the next has come: a source
 * that gives too much, or fails at its very end, is found out while the client still lacks bytes.
 */
export async function* exactly(
  chunks: AsyncIterable<Buffer>,
  { size, endsEarly }: Pick<ContentBody, 'size' | 'endsEarly'>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let remaining = size;
  let held: Buffer | undefined;
  for await (const chunk of chunks) {
    if (chunk.length > remaining && !endsEarly) throw new Error(`content is longer than its ${size} bytes`);
    if (held !== undefined) {
      onBytes(held.length);
      yield held;
    }
    held = chunk.subarray(0, remaining);
    remaining -= held.length;
    if (remaining === 0 && endsEarly) break;
  }
  if (remaining > 0) throw new Error(`content ended ${remaining} bytes before its ${size}`);
  if (held !== undefined) {
    onBytes(held.length);
    yield held;
  }
}
