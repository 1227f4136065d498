import { setTimeout as delay } from 'node:timers/promises';
import type { FreePlace, Pool } from '../../pool.js';
import { isRetryable } from '../../retry.js';

/** Sizes and times of transfers in ranges; tests make them smaller. */
export interface RangeLimits {
  /** Smaller blobs, and smaller rests of blobs, come over one connection. */
  minBytes: number;
  /** What one request of several asks for. */
  pieceBytes: number;
  /** What a trial may hold in memory. */
  trialBytes: number;
  /** What all blobs of a run together may have received ahead of what is written. */
  windowBytes: number;
  /** The time over which a rate is measured. */
  intervalMs: number;
  /** A connection that is faster is left alone: the work at both ends may be the limit then. */
  narrowBytesPerSecond: number;
  /** How long bytes that are needed next may fail to come while other connections have nothing to do. */
  patienceMs: number;
}

const MEBIBYTE = 1024 * 1024;

const RANGE_LIMITS: RangeLimits = {
  minBytes: 32 * MEBIBYTE,
  pieceBytes: 3 * MEBIBYTE,
  trialBytes: 20 * MEBIBYTE,
  windowBytes: 30 * MEBIBYTE,
  intervalMs: 250,
  narrowBytesPerSecond: 64 * MEBIBYTE,
  patienceMs: 3000,
};

/** How often in a run a second connection may add nothing before no more are tried. */
const MAX_VAIN_TRIALS = 2;

/** What was found out about a registry: its connections are narrow, or it sends no ranges. */
type LineFinding = 'narrow' | 'refuses';

export interface LineOptions {
  limits?: Partial<RangeLimits> | undefined;
  /** Milliseconds of a clock that never goes back; default that of Node.js. */
  now?: (() => number) | undefined;
  /** Waits on that clock; default a timer that does not keep the process running. */
  wait?: ((ms: number) => Promise<void>) | undefined;
}

/** What the transfers of a run share: places for connections, memory, and what was found out about its registries. */
export class Line {
  readonly limits: RangeLimits;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Bytes that arrived over all connections. */
  bytes = 0;
  /** Connections that large content arrives over. */
  connections = 0;
  /** Large blobs that may come over several connections. */
  blobs = 0;
  /** One blob at a time tries a second connection, since two trials would disturb each other. */
  isTrying = false;
  readonly #pool: Pool;
  readonly #findings = new Map<string, LineFinding>();
  #vainTrials = 0;
  #windowLeft: number;

  constructor(pool: Pool, { limits, now = () => performance.now(), wait = waitByTimer }: LineOptions = {}) {
    this.#pool = pool;
    this.limits = { ...RANGE_LIMITS, ...limits };
    this.now = now;
    this.wait = wait;
    this.#windowLeft = this.limits.windowBytes;
  }

  /** Connections that one blob may use, so that large blobs which come at the same time get equally many. */
  get share(): number {
    return Math.max(1, Math.floor(this.#pool.concurrency / Math.max(1, this.blobs)));
  }

  /** Takes a place for another connection, unless content that waits needs it. */
  takePlace(): FreePlace | undefined {
    return this.#pool.takeFree();
  }

  /** Reserves memory; returns false if there is not enough. */
  takeWindow(bytes: number): boolean {
    if (bytes > this.#windowLeft) return false;
    this.#windowLeft -= bytes;
    return true;
  }

  /** True if there is memory for another piece. */
  hasWindow(): boolean {
    return this.#windowLeft >= this.limits.pieceBytes;
  }

  giveBackWindow(bytes: number): void {
    this.#windowLeft += bytes;
  }

  findingOf(registry: string): LineFinding | undefined {
    return this.#findings.get(registry);
  }

  found(registry: string, finding: LineFinding): void {
    this.#findings.set(registry, finding);
  }

  /** Takes note of the failure of a request for a range. Returns true if it says that the registry sends no ranges. */
  noteRefusal(registry: string, error: unknown): boolean {
    if (isRetryable(error)) return false;
    this.found(registry, 'refuses');
    return true;
  }

  /** Takes note of a trial in which a second connection added nothing: the line as a whole is the limit. */
  triedInVain(): void {
    this.#vainTrials++;
  }

  get mayTry(): boolean {
    return !this.isTrying && this.#vainTrials < MAX_VAIN_TRIALS;
  }
}

const waitByTimer = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });
