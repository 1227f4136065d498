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
  /** Aborts running tasks, and rejects waiting ones. */
  abort(reason: unknown): void;
}

export function createPool(concurrency: number, signal?: AbortSignal): Pool {
  const controller = new AbortController();
  const waiting: { start: () => void; reject: (reason: unknown) => void }[] = [];
  let running = 0;

  function abort(reason: unknown): void {
    controller.abort(reason);
    for (const { reject } of waiting.splice(0)) reject(reason);
  }

  function startNext(): void {
    if (running >= concurrency) return;
    const next = waiting.shift();
    if (next === undefined) return;
    running++;
    next.start();
  }

  if (signal?.aborted) abort(signal.reason);
  signal?.addEventListener('abort', () => abort(signal.reason), { once: true, signal: controller.signal });

  return {
    signal: controller.signal,
    abort,
    run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        if (controller.signal.aborted) return reject(controller.signal.reason);
        const start = (): void => {
          task(controller.signal)
            .then(resolve, reject)
            .finally(() => {
              running--;
              startNext();
            });
        };
        waiting.push({ start, reject });
        startNext();
      });
    },
  };
}
