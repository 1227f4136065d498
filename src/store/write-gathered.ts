import { CHUNK_BYTES } from '../content/chunks.js';
import { Gathered } from '../content/gathered.js';

/** Chunks are gathered to this size for one write: 16 KiB pieces of a TLS body cost four times the system calls. */
const BATCH_BYTES = CHUNK_BYTES;

export interface WriteGatheredOptions {
  /** Goes on receiving while what came is written, for which there is a second batch in memory; default false. */
  ahead?: boolean | undefined;
  /** Called with each chunk as it comes; what it throws breaks off the receiving. */
  onChunk?: ((chunk: Buffer) => void) | undefined;
}

/**
 * Passes chunks to `write` in batches, one write at a time and none after one that failed, so that what is written never
 * has a gap. When `chunks` breaks off, what came before is written all the same.
 */
export async function writeGathered(
  chunks: AsyncIterable<Buffer>,
  write: (batch: Buffer[], bytes: number) => Promise<void>,
  { ahead = false, onChunk }: WriteGatheredOptions = {},
): Promise<void> {
  const gathered = new Gathered();
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    const { bytes } = gathered;
    if (bytes === 0) return;
    writing = write(gathered.take(), bytes);
    writing.catch(() => undefined); // awaited here or by the next flush; this only keeps it from being unhandled
    if (!ahead) await writing;
  };
  try {
    for await (const chunk of chunks) {
      onChunk?.(chunk);
      gathered.add(chunk);
      if (gathered.bytes >= BATCH_BYTES) await flush();
    }
  } finally {
    await flush();
    await writing;
  }
}
