import { LadingError } from '../../errors.js';

/** Below this rate, the smallest part that a connection passes on would take longer than servers wait. */
const LEAST = 1024;
/** What a timer that was late may catch up; a line that was idle for longer gains no more than that. */
const CATCH_UP_MS = 200;

export interface ByteRateOptions {
  /** Milliseconds of a clock that never goes back; default that of Node.js. */
  now?: (() => number) | undefined;
}

/**
 * A rate that all connections of a run share, for uploads and downloads together: a token bucket. Everything that passes
 * is counted. After each piece, its connection waits until the rate allows all bytes that were counted so far.
 */
export class ByteRate {
  readonly bytesPerSecond: number;
  readonly #now: () => number;
  /** When everything that was counted has passed; undefined before the first bytes. */
  #freeAt: number | undefined;

  /** Throws `USAGE` for less than 1024 bytes a second. */
  constructor(bytesPerSecond: number, { now = () => performance.now() }: ByteRateOptions = {}) {
    if (!(bytesPerSecond >= LEAST && bytesPerSecond < Number.POSITIVE_INFINITY))
      throw new LadingError('USAGE', `${bytesPerSecond} is not a rate from ${LEAST} bytes a second`);
    this.bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /** Counts bytes, and returns when they may have passed: a time for `left`. */
  take(bytes: number): number {
    const now = this.#now();
    const begin = Math.max(this.#freeAt ?? now, now - CATCH_UP_MS);
    this.#freeAt = begin + (bytes / this.bytesPerSecond) * 1000;
    return this.#freeAt;
  }

  /** Returns how many milliseconds are left until a time that `take` has returned; 0 if it has come. */
  left(time: number): number {
    return Math.max(0, time - this.#now());
  }
}

/**
 * Returns the options with one rate for all connections that they are used for; without it, each would have a rate of its
 * own. Throws `USAGE` as `ByteRate` does.
 */
export function sharingRate<Options extends { limitRate?: number | ByteRate | undefined }>(
  options: Options,
): Options {
  const { limitRate } = options;
  return typeof limitRate === 'number' ? { ...options, limitRate: new ByteRate(limitRate) } : options;
}
