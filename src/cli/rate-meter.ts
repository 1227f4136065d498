/** The rate is that of this last time, so that it follows changes of the line, and does not jump. */
const WINDOW_MS = 10_000;
/** Nothing is known before that. */
const LEAST_MS = 1_000;
const SAMPLE_MS = 250;

/** Measures how many bytes pass in a second. */
export class RateMeter {
  readonly #now: () => number;
  #bytes = 0;
  #samples: { at: number; bytes: number }[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  reset(): void {
    this.#bytes = 0;
    this.#samples = [{ at: this.#now(), bytes: 0 }];
  }

  add(bytes: number): void {
    this.#sample();
    this.#bytes += bytes;
  }

  /** Bytes in a second, or undefined as long as it cannot be known. */
  perSecond(): number | undefined {
    this.#sample();
    const [first] = this.#samples;
    if (first === undefined) return undefined;
    const ms = this.#now() - first.at;
    return ms < LEAST_MS ? undefined : ((this.#bytes - first.bytes) / ms) * 1000;
  }

  #sample(): void {
    const at = this.#now();
    if (at - (this.#samples.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= SAMPLE_MS)
      this.#samples.push({ at, bytes: this.#bytes });
    while ((this.#samples[1]?.at ?? at) < at - WINDOW_MS) this.#samples.shift();
  }
}
