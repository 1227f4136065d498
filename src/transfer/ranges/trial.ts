/** What has happened so far, at a moment. */
export interface Reading {
  /** Milliseconds of a clock that never goes back. */
  at: number;
  /** Bytes of this blob. */
  bytes: number;
  /** Bytes of all content of the run. */
  total: number;
  /** Connections of the run that content arrives over. */
  connections: number;
  /** Milliseconds in which nothing was received because what had been received was not written yet. */
  pausedMs: number;
}

/** Bytes in a second. */
export interface Rates {
  own: number;
  total: number;
  connections: number;
}

/** A connection grows faster at first. From one interval to the next, its rate may rise so much when it does no more. */
const STEADY = 1.25;
/** If a connection has to wait for so much of the time, another one would wait, too. */
const MAX_PAUSED = 0.5;

/** Measures a connection until its rate is known. */
export class Meter {
  readonly #intervalMs: number;
  #from: Reading | undefined;
  #last: Rates | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Returns the rates at the end of an interval in which they did not rise, and nothing but the connection was waited for. */
  read(reading: Reading): Rates | undefined {
    const from = this.#from;
    if (from === undefined || from.connections !== reading.connections) {
      this.#from = reading;
      this.#last = undefined;
      return undefined;
    }
    const ms = reading.at - from.at;
    if (ms < this.#intervalMs) return undefined;
    const last = this.#last;
    const rates = ratesBetween(from, reading);
    this.#from = reading;
    this.#last = rates;
    if (last === undefined || rates.own > last.own * STEADY) return undefined;
    if ((reading.pausedMs - from.pausedMs) / ms > MAX_PAUSED) return undefined;
    return { ...rates, total: Math.max(rates.total, last.total) };
  }
}

/** A second connection has to add at least this part of what one connection has had. */
const MIN_GAIN = 0.5;
/** A busy machine can spoil an interval: two have to show that the connection adds, or three that it does not. */
const SHOW_GAIN = 2;
const SHOW_NONE = 3;

export type Verdict = 'adds' | 'same' | 'unclear';

/** Finds out whether a second connection adds to the rate of the run. */
export class Trial {
  readonly #before: Rates;
  readonly #intervalMs: number;
  #arrivedAt: number | undefined;
  /** Begin of the interval; the first one comes after one in which the connection becomes as fast as it gets. */
  #from: Reading | undefined;
  #gains = 0;
  #others = 0;

  constructor(before: Rates, intervalMs: number) {
    this.#before = before;
    this.#intervalMs = intervalMs;
  }

  get hasArrived(): boolean {
    return this.#arrivedAt !== undefined;
  }

  /** Takes note of bytes of the second connection. */
  arrived(at: number): void {
    this.#arrivedAt ??= at;
  }

  /**
   * Returns whether the second connection `adds` to the rate, or is of no use since the rate is the `same`; undefined while
   * that is not known. `unclear`: other transfers of the run have begun or ended meanwhile, or there was too little time.
   * `isOver` asks for what is known by now.
   */
  judge(reading: Reading, { isOver }: { isOver: boolean }): Verdict | undefined {
    if (reading.connections !== this.#before.connections + 1) return 'unclear';
    this.#measure(reading);
    if (this.#gains >= SHOW_GAIN) return 'adds';
    if (this.#others >= SHOW_NONE) return 'same';
    if (!isOver) return undefined;
    if (this.#gains === this.#others) return 'unclear';
    return this.#gains > this.#others ? 'adds' : 'same';
  }

  #measure(reading: Reading): void {
    const since = this.#from?.at ?? this.#arrivedAt;
    if (since === undefined || reading.at - since < this.#intervalMs) return;
    if (this.#from !== undefined) {
      const { connections, total } = this.#before;
      const gain = ratesBetween(this.#from, reading).total / total - 1;
      if (gain >= MIN_GAIN / connections) this.#gains++;
      else this.#others++;
    }
    this.#from = reading;
  }
}

function ratesBetween(from: Reading, to: Reading): Rates {
  const seconds = (to.at - from.at) / 1000;
  return {
    own: (to.bytes - from.bytes) / seconds,
    total: (to.total - from.total) / seconds,
    connections: to.connections,
  };
}
