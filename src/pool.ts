import { setMaxListeners } from 'node:events';

/** The default number of concurrent transfers: registries accept as many without throttling. */
export const DEFAULT_CONCURRENCY = 8;

/** Runs a limited number of tasks at a time; they start in the order of the calls. */
export interface Pool {
  /** The signal that tasks get. It is aborted by the signal of `createPool` or by `abort`. */
  readonly signal: AbortSignal;
  /**
   * Runs the task in its turn, and returns its result. Rejects immediately if the pool is aborted before the task
   * starts.
   */
  run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Does the same for a task of a few small requests or reads. These have a limit of their own, because they cost little. How
   * many of them a registry gets at a time is decided by `Pace` in `registry/http/`.
   */
  runSmall<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Number of tasks of `run` at a time. */
  readonly concurrency: number;
  /** Takes the place of a task, for another connection of one that runs; undefined if there is none, or a task waits for it. */
  takeFree(): FreePlace | undefined;
  /** Aborts running tasks, and rejects waiting ones. */
  abort(reason: unknown): void;
}

/** A place that no task needed. */
export interface FreePlace {
  /** True if a task waits by now: the place should be given back soon. */
  readonly isWanted: boolean;
  giveBack(): void;
}

/** Small tasks at once, unless one at a time is asked for. */
export const SMALL_CONCURRENCY = 64;

export function createPool(concurrency: number, signal?: AbortSignal): Pool {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // one or more for each task: Node.js would report more than ten as a leak
  const large = new Lane(concurrency);
  const small = concurrency === 1 ? large : new Lane(SMALL_CONCURRENCY);

  function abort(reason: unknown): void {
    controller.abort(reason);
    for (const lane of [large, small]) lane.clear(reason);
  }

  function runIn<T>(lane: Lane, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (controller.signal.aborted) return Promise.reject(controller.signal.reason);
    return lane.run(() => task(controller.signal));
  }

  if (signal?.aborted) abort(signal.reason);
  signal?.addEventListener('abort', () => abort(signal.reason), { once: true, signal: controller.signal });

  return {
    signal: controller.signal,
    concurrency,
    abort,
    takeFree: () => (controller.signal.aborted ? undefined : large.takeFree()),
    run: (task) => runIn(large, task),
    runSmall: (task) => runIn(small, task),
  };
}

/** Runs so many tasks at once, in the order they come. */
class Lane {
  readonly #limit: number;
  readonly #waiting: { start: () => void; reject: (reason: unknown) => void }[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const start = (): void => {
        task()
          .then(resolve, reject)
          .finally(() => {
            this.#running--;
            this.#startNext();
          });
      };
      this.#waiting.push({ start, reject });
      this.#startNext();
    });
  }

  takeFree(): FreePlace | undefined {
    if (this.#running >= this.#limit || this.#waiting.length > 0) return undefined;
    this.#running++;
    const waiting = this.#waiting;
    let isTaken = true;
    return {
      get isWanted() {
        return waiting.length > 0;
      },
      giveBack: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#running--;
        this.#startNext();
      },
    };
  }

  /** Rejects what waits. */
  clear(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }

  #startNext(): void {
    if (this.#running >= this.#limit) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running++;
    next.start();
  }
}
