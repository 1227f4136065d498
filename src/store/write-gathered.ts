import { CHUNK_BYTES } from '../content/chunks.js';
import { Gathered } from '../content/gathered.js';

/** Chunks are gathered into writes of this size: 16 KiB pieces of a TLS body would cost four times the system calls. */
const BATCH_BYTES = CHUNK_BYTES;

export interface WriteGatheredOptions {
  /** Continue to receive while a batch is written, which takes memory for a second batch; default false. */
  ahead?: boolean | undefined;
  /** Called with each chunk when it arrives; if it throws, receiving ends with that error. */
  onChunk?: ((chunk: Buffer) => void) | undefined;
}

/**
 * Passes chunks to `write` in batches, one write at a time and none after a failed one, so that the written part never
 * has a gap. If `chunks` fails, the bytes before the failure are still written.
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
    writing.catch(() => undefined); // awaited here or by the next flush; this only avoids an unhandled rejection
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
