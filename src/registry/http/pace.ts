import { isLadingError, RegistryError } from '../../errors.js';

/** Small requests to one registry at once, to begin with. */
const START = 16;
const MOST = 64;
/** Answers that take so many times as long as the fastest ones did show that the registry has enough to do. */
const SLOW = 2;
/** Below this many milliseconds, differences say nothing. */
const MIN_SLOW_MS = 20;

/** A decision about how many small requests a registry gets at once. */
export interface PaceEvent {
  registry: string;
  limit: number;
  /** `faster`: answers come as fast as before. `slower`: they take longer. `refused`: 429, 503, or a lost connection. */
  reason: 'faster' | 'slower' | 'refused';
}

export interface PaceOptions {
  /** Default 64; 1 sends one request after the other. */
  most?: number | undefined;
  /** Milliseconds of a clock that never goes back; default that of Node.js. */
  now?: (() => number) | undefined;
  wait?: ((delayMs: number) => Promise<void>) | undefined;
  onChange?: ((event: PaceEvent) => void) | undefined;
}

/**
 * Limits how many small requests each registry gets at once: 16 at first, twice as many after each round in which all were
 * answered and as fast as before, up to 64, and half as many when a registry refuses requests or slows down; from then on, one
 * more after each round. After a refusal, nothing is sent to the registry for as long as the refused request waits.
 */
export class Pace {
  readonly #options: PaceOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: PaceOptions = {}) {
    this.#options = options;
  }

  /** Runs a small request when it is its turn; rejects with the reason of `signal` when that aborts while it waits. */
  run<T>(registry: string, request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#laneOf(registry).run(request, signal);
  }

  /** Takes note of a failure after which the request is sent again in `delayMs`. */
  failed(registry: string, error: unknown, delayMs: number): void {
    if (isPushback(error)) this.#laneOf(registry).pushedBack(delayMs);
  }

  #laneOf(registry: string): Lane {
    const known = this.#lanes.get(registry);
    if (known !== undefined) return known;
    const lane = new Lane(registry, this.#options);
    this.#lanes.set(registry, lane);
    return lane;
  }
}

function isPushback(error: unknown): boolean {
  if (error instanceof RegistryError && (error.status === 429 || error.status === 503)) return true;
  return isLadingError(error, 'UNREACHABLE', 'CUT_SHORT', 'TOO_MANY_REQUESTS');
}

/** The small requests of one registry. */
class Lane {
  readonly #registry: string;
  readonly #most: number;
  readonly #now: () => number;
  readonly #wait: (delayMs: number) => Promise<void>;
  readonly #onChange: PaceOptions['onChange'];
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  /** From here on the limit grows by one at a time: twice as many were too many before. */
  #careful = Number.POSITIVE_INFINITY;
  #running = 0;
  /** Nothing is sent before this time. */
  #closedUntil = 0;
  #isWaking = false;
  /** Milliseconds that the requests of this round took. */
  #round: number[] = [];
  /** Median of the fastest round so far. */
  #fastest = Number.POSITIVE_INFINITY;
  /** Requests that were sent before the limit was halved say nothing about the new one. */
  #roundBegan = 0;

  constructor(registry: string, { most = MOST, now = () => performance.now(), wait, onChange }: PaceOptions) {
    this.#registry = registry;
    this.#most = most;
    this.#limit = Math.min(START, most);
    this.#now = now;
    this.#wait = wait ?? ((delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)));
    this.#onChange = onChange;
  }

  async run<T>(request: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    await this.#turn(signal);
    const began = this.#now();
    try {
      const result = await request();
      this.#answered(began);
      return result;
    } finally {
      this.#running--;
      this.#startNext();
    }
  }

  /** Resolves when a request may be sent, which counts as running then. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal?.removeEventListener('abort', stop);
        resolve();
      };
      const stop = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(signal?.reason);
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', stop, { once: true });
      this.#waiting.push(start);
      this.#startNext();
    });
  }

  pushedBack(delayMs: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, this.#now() + delayMs);
    this.#halve('refused');
  }

  #startNext(): void {
    const left = this.#closedUntil - this.#now();
    if (left > 0) {
      if (!this.#isWaking) void this.#wake(left);
      return;
    }
    while (this.#running < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      next();
    }
  }

  async #wake(delayMs: number): Promise<void> {
    this.#isWaking = true;
    await this.#wait(delayMs);
    this.#isWaking = false;
    this.#startNext();
  }

  #answered(began: number): void {
    if (began < this.#roundBegan) return;
    this.#round.push(this.#now() - began);
    if (this.#round.length < this.#limit) return;
    const median = this.#round.sort((a, b) => a - b)[this.#round.length >> 1] ?? 0;
    const isSlow = median > this.#fastest * SLOW && median - this.#fastest > MIN_SLOW_MS;
    this.#fastest = Math.min(this.#fastest, median);
    if (isSlow) {
      this.#halve('slower');
      return;
    }
    this.#beginRound();
    // Where nothing waits, more would not be sent either.
    if (this.#limit === this.#most || this.#waiting.length === 0) return;
    this.#limit = Math.min(this.#most, this.#limit < this.#careful ? this.#limit * 2 : this.#limit + 1);
    this.#onChange?.({ registry: this.#registry, limit: this.#limit, reason: 'faster' });
  }

  #halve(reason: 'slower' | 'refused'): void {
    // Requests that were sent together are refused together; that counts once.
    if (reason === 'refused' && this.#round.length === 0 && this.#now() - this.#roundBegan < MIN_SLOW_MS)
      return;
    this.#beginRound();
    if (this.#limit === 1) return;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    this.#careful = this.#limit;
    this.#onChange?.({ registry: this.#registry, limit: this.#limit, reason });
  }

  #beginRound(): void {
    this.#round = [];
    this.#roundBegan = this.#now();
  }
}
