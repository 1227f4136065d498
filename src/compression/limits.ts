import { setImmediate } from 'node:timers/promises';
import { type Advice, ContentError } from '../errors.js';

export interface DecompressLimits {
  /** Limit for the bytes of output; default no limit. */
  maxBytes?: number | undefined;
  /** Limit for output bytes per input byte, after 16 MiB of output; default 1100 (deflate reaches at most 1032). */
  maxRatio?: number | undefined;
  /** The name of the option that sets `maxBytes`, for the remedy; default `maxLayerBytes`. */
  limit?: 'maxArchiveBytes' | 'maxLayerBytes' | undefined;
}

const DEFAULT_MAX_RATIO = 1100;
// Less output does no harm, and small inputs of zeros can have a high ratio.
const RATIO_FLOOR = 16 * 1024 * 1024;
// Decompressing this much takes about 25 ms.
const TURN_BYTES = 8 * 1024 * 1024;

/** Passes chunks on; throws `TOO_LARGE` beyond the limits. Lets the event loop run after every 8 MiB. */
export async function* limited(
  chunks: AsyncIterable<Buffer>,
  name: string,
  {
    maxBytes = Number.POSITIVE_INFINITY,
    maxRatio = DEFAULT_MAX_RATIO,
    limit = 'maxLayerBytes',
  }: DecompressLimits,
  bytesIn: () => number,
): AsyncGenerator<Buffer> {
  let bytesOut = 0;
  let turnEnd = TURN_BYTES;
  for await (const chunk of chunks) {
    bytesOut += chunk.length;
    if (bytesOut > maxBytes) throw tooLarge(`${name} expands to more than ${maxBytes} bytes`, limit);
    if (bytesOut > RATIO_FLOOR && bytesOut > maxRatio * bytesIn()) {
      throw tooLarge(`${name} expands to more than ${maxRatio} times its size`, 'maxRatio');
    }
    yield chunk;
    // With a source that is in memory, this loop would otherwise run only microtasks.
    if (bytesOut >= turnEnd) {
      turnEnd = bytesOut + TURN_BYTES;
      await setImmediate();
    }
  }
}

function tooLarge(problem: string, remedy: Advice['remedy']): ContentError {
  return new ContentError('TOO_LARGE', problem, {
    hint: 'It looks like a decompression bomb; if the content is right, raise the limit.',
    remedy,
  });
}
