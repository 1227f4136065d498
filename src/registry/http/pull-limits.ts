import type { RateLimit } from './headers.js';

/** A pause before the next pull. */
export interface PauseEvent {
  registry: string;
  delayMs: number;
  limit: number | undefined;
  windowSeconds: number | undefined;
}

/** The time that pauses are measured by. */
export interface PullClock {
  /** Milliseconds of a clock that never goes back; default that of Node.js. */
  now?: (() => number) | undefined;
  /** Waits; rejects when `signal` aborts. */
  wait: (delayMs: number, signal?: AbortSignal) => Promise<void>;
}

export interface PullLimitsOptions extends PullClock {
  onPause?: ((event: PauseEvent) => void) | undefined;
}

/** Where a registry says neither its window nor when to come back. */
const UNKNOWN_PAUSE_MS = 5 * 60_000;
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30 * 60_000;
/** As long as this, a registry may answer no pull; then its refusal is the error. The longest window that is known is a day. */
const MAX_WAIT_MS = 25 * 3_600_000;

/**
 * Paces pulls by what registries say is left. While nothing is left, or after a refusal, one request at a time finds out
 * whether the registry answers again; the pause before it is the one that the registry asks for, else the time in which
 * it gives one pull back, twice as long after each refusal.
 */
export class PullLimits {
  readonly #options: PullLimitsOptions;
  readonly #known = new Map<string, Allowance>();

  constructor(options: PullLimitsOptions) {
    this.#options = options;
  }

  /** Resolves when a request may be sent. Those that count no pull wait only after a refusal. */
  async turn(
    registry: string,
    { isPull, signal }: { isPull: boolean; signal?: AbortSignal | undefined },
  ): Promise<void> {
    const allowance = this.#of(registry);
    const { now = () => performance.now(), wait } = this.#options;
    for (;;) {
      const left = allowance.opensAt - now();
      if (left > 0 && (isPull || allowance.isRefusing)) {
        await wait(left, signal);
        continue;
      }
      if (!isPull) return;
      if (allowance.left === 0) {
        this.#close(registry, allowance, undefined);
        // After the pause, one request asks whether there is more.
        allowance.left = 1;
        continue;
      }
      if (allowance.left !== undefined) allowance.left--;
      return;
    }
  }

  /** Takes note of what a registry says; a request that is still on its way may have taken more. */
  observe(registry: string, { limit, remaining, windowSeconds }: RateLimit): void {
    const allowance = this.#of(registry);
    Object.assign(allowance, {
      limit: limit ?? allowance.limit,
      windowSeconds: windowSeconds ?? allowance.windowSeconds,
      left: remaining ?? allowance.left,
    });
  }

  /** Takes note that a registry has answered a pull. */
  answered(registry: string): void {
    Object.assign(this.#of(registry), { pauses: 0, waitingSince: undefined, isRefusing: false });
  }

  /** Returns whether the request should be sent again, when it is its turn: the registry has refused it for its limit. */
  refused(registry: string, retryAfterMs: number | undefined): boolean {
    const allowance = this.#of(registry);
    const { now = () => performance.now() } = this.#options;
    allowance.waitingSince ??= now();
    if (now() - allowance.waitingSince > MAX_WAIT_MS) return false;
    // Requests that were sent together are refused together; that is one pause.
    if (allowance.opensAt <= now()) {
      allowance.isRefusing = true;
      this.#close(registry, allowance, retryAfterMs);
    }
    allowance.left = 1;
    return true;
  }

  #close(registry: string, allowance: Allowance, askedMs: number | undefined): void {
    const { now = () => performance.now(), onPause } = this.#options;
    const { limit, windowSeconds } = allowance;
    const one = limit && windowSeconds ? (windowSeconds * 1000) / limit : UNKNOWN_PAUSE_MS;
    const grown = Math.min(Math.max(one, MIN_PAUSE_MS) * 2 ** allowance.pauses, MAX_PAUSE_MS);
    const delayMs = Math.ceil(askedMs === undefined ? grown : Math.min(askedMs, MAX_WAIT_MS));
    allowance.pauses++;
    allowance.opensAt = now() + delayMs;
    onPause?.({ registry, delayMs, limit, windowSeconds });
  }

  #of(registry: string): Allowance {
    const known = this.#known.get(registry) ?? { opensAt: 0, pauses: 0, isRefusing: false };
    this.#known.set(registry, known);
    return known;
  }
}

/** What is known of a registry. */
interface Allowance {
  limit?: number | undefined;
  windowSeconds?: number | undefined;
  /** Pulls that may be sent; undefined if the registry does not say. */
  left?: number | undefined;
  /** No pull is sent before this time. */
  opensAt: number;
  /** Pauses since the registry answered a pull. */
  pauses: number;
  /** When the registry refused for the first time since it answered. */
  waitingSince?: number | undefined;
  isRefusing: boolean;
}
