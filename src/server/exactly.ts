import type { Readable } from 'node:stream';
import type { ContentBody } from './answer.js';
import type { HeldMemory } from './held-memory.js';

type Bounds = Pick<ContentBody, 'size' | 'endsEarly' | 'verifier'>;

/**
 * A stream that can also be read with `readInto`, straight from its file into the reader's buffer, without allocating
 * chunks.
 */
export interface ReadsInto extends Readable {
  /** Fills the start of `buffer` with the next bytes and returns their number; 0 at the end. */
  readInto(buffer: Buffer): Promise<number>;
}

export function readsInto(source: Readable): source is ReadsInto {
  return 'readInto' in source && typeof source.readInto === 'function';
}

/**
 * Yields exactly `size` bytes, or throws. Each chunk is held back until the next one has arrived. So if the source has
 * too many bytes, fails the verifier, or fails at its very end, the client still lacks bytes and notices.
 */
export async function* exactly(
  chunks: AsyncIterable<Buffer>,
  { size, endsEarly, verifier }: Bounds,
): AsyncGenerator<Buffer> {
  let remaining = size;
  let held: Buffer | undefined;
  for await (const chunk of chunks) {
    if (chunk.length > remaining && !endsEarly) throw tooLong(size);
    if (held !== undefined) yield held;
    held = chunk.subarray(0, remaining);
    verifier?.update(held);
    remaining -= held.length;
    if (remaining === 0 && endsEarly) break;
  }
  if (remaining > 0) throw tooShort(size, remaining);
  verifier?.finish();
  if (held !== undefined) yield held;
}

/** Like `exactly`, but reads through a buffer from `memory` if the source supports `readInto`. */
export async function* exactlyThrough(
  source: Readable,
  bounds: Bounds,
  memory: HeldMemory,
): AsyncGenerator<Buffer> {
  if (!readsInto(source)) {
    yield* exactly(source, bounds);
    return;
  }
  const { buffer, release } = memory.lend(bounds.size);
  try {
    yield* exactlyInto(source, bounds, buffer);
  } finally {
    release();
  }
}

/** Like `exactly`, with one buffer for all chunks: the consumer must be done with each before it asks for the next. */
async function* exactlyInto(
  source: ReadsInto,
  { size, endsEarly, verifier }: Bounds,
  buffer: Buffer,
): AsyncGenerator<Buffer> {
  if (size === 0) verifier?.finish(); // a file that was truncated to zero bytes must not pass as verified
  for (let remaining = size; remaining > 0; ) {
    const bytesRead = await source.readInto(buffer.subarray(0, remaining));
    if (bytesRead === 0) throw tooShort(size, remaining);
    remaining -= bytesRead;
    if (remaining === 0 && !endsEarly && (await source.readInto(Buffer.alloc(1))) > 0) throw tooLong(size);
    verifier?.update(buffer.subarray(0, bytesRead));
    if (remaining === 0) verifier?.finish();
    yield buffer.subarray(0, bytesRead);
  }
}

function tooLong(size: number): Error {
  return new Error(`content is longer than its size of ${size} bytes`);
}

function tooShort(size: number, remaining: number): Error {
  return new Error(`content ended ${remaining} bytes before its size of ${size}`);
}
