interface UnderWay<T> {
  result: Promise<T>;
  stop: AbortController;
  waiters: number;
}

/** Work that is done once for all callers that want it at the same time, and aborted when the last of them has left. */
export class SharedWork<Key, T> {
  readonly #underWay = new Map<Key, UnderWay<T>>();

  /**
   * Waits for the running work of this key, or starts it. Rejects at once when `signal` aborts. `start` gets a signal
   * of its own, so that its listeners are freed when the work ends.
   */
  async join(
    key: Key,
    start: (signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal | undefined,
  ): Promise<T> {
    signal?.throwIfAborted();
    const known = this.#underWay.get(key);
    const work = known === undefined || known.stop.signal.aborted ? this.#start(key, start) : known;
    work.waiters += 1;
    try {
      return await untilAborted(work.result, signal);
    } finally {
      work.waiters -= 1;
      if (work.waiters === 0) work.stop.abort();
    }
  }

  /** Aborts all work, and waits until it has ended. */
  async close(reason: unknown): Promise<void> {
    const underWay = [...this.#underWay.values()];
    for (const { stop } of underWay) stop.abort(reason);
    await Promise.allSettled(underWay.map(({ result }) => result));
  }

  #start(key: Key, start: (signal: AbortSignal) => Promise<T>): UnderWay<T> {
    const stop = new AbortController();
    const result = start(stop.signal).finally(() => {
      if (this.#underWay.get(key) === work) this.#underWay.delete(key);
    });
    const work = { result, stop, waiters: 0 };
    this.#underWay.set(key, work);
    result.catch(() => undefined); // reported to the callers in `join`, of which none may be left
    return work;
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
