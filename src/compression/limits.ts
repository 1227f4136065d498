import { setImmediate } from 'node:timers/promises';
import { type Advice, ContentError } from '../errors.js';

export interface DecompressLimits {
  /** Most bytes that may come out; default no limit. */
  maxBytes?: number | undefined;
  /** Most bytes out for each byte in, once 16 MiB are out; default 1100, above deflate's own utmost of 1032. */
  maxRatio?: number | undefined;
  /** What `maxBytes` is called where it is set; default `maxLayerBytes`. */
  limit?: 'maxArchiveBytes' | 'maxLayerBytes' | undefined;
}

export const DEFAULT_MAX_RATIO = 1100;
// Below this, a bomb does no harm, and small inputs of zeros do reach high ratios.
const RATIO_FLOOR = 16 * 1024 * 1024;
// About 25 ms of inflating.
const TURN_BYTES = 8 * 1024 * 1024;

/** Passes chunks on while they stay within the limits, and lets the event loop run now and then. */
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
    // A source that is all in memory would otherwise never leave the microtask queue.
    if (bytesOut >= turnEnd) {
      turnEnd = bytesOut + TURN_BYTES;
      await setImmediate();
    }
  }
}

function tooLarge(problem: string, remedy: Advice['remedy']): ContentError {
  return new ContentError('TOO_LARGE', problem, {
    hint: 'This is how a decompression bomb looks; if the content is meant to be so, raise the limit.',
    remedy,
  });
}
