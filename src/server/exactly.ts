import type { Readable } from 'node:stream';
import type { ContentBody } from './answer.js';
import type { HeldMemory } from './held-memory.js';

type Bounds = Pick<ContentBody, 'size' | 'endsEarly' | 'verifier'>;

/** A stream that can be read into the reader's own memory instead: the file behind it is read, nothing is made. */
export interface ReadsInto extends Readable {
  /** Fills the beginning of `buffer` with the bytes that follow, and says how many; 0 at the end. */
  readInto(buffer: Buffer): Promise<number>;
}

export function readsInto(source: Readable): source is ReadsInto {
  return 'readInto' in source && typeof source.readInto === 'function';
}

/**
 * Passes on exactly `size` bytes, or throws. The newest chunk is held back until the next has come: a source
 * that gives too much, or something else than the verifier wants, or fails at its very end, is found out while the
 * client still lacks bytes.
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

/** As `exactly`, through a buffer of the memory for answers where the source can be read so. */
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

/** As `exactly`, with one buffer for all chunks: each is to be used up before the next is asked for. */
async function* exactlyInto(
  source: ReadsInto,
  { size, endsEarly, verifier }: Bounds,
  buffer: Buffer,
): AsyncGenerator<Buffer> {
  if (size === 0) verifier?.finish(); // what is left of a file that was cut to nothing is not sent as whole
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
  return new Error(`content is longer than its ${size} bytes`);
}

function tooShort(size: number, remaining: number): Error {
  return new Error(`content ended ${remaining} bytes before its ${size}`);
}
