/** How much is under way at once, where nothing else is asked for: registries take so many without pushing back. */
export const DEFAULT_CONCURRENCY = 8;

/** Runs tasks with a limit on how many are under way; they start in the order they come. */
export interface Pool {
  /** What tasks pass on: aborted by the caller, or by the first failure. */
  readonly signal: AbortSignal;
  /** Resolves with the task's result when its turn has come and it has run; rejects at once after an abort. */
  run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Aborts what is under way and what waits. */
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
