import { setTimeout as timeout } from 'node:timers/promises';
import { abortedError } from './network-error.js';

/** Waits for shared work. An abort rejects with `ABORTED` at once; the work itself continues for its other callers. */
export async function withAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(abortedError(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/** Waits for `delayMs`; an abort rejects at once with `ABORTED`. */
export async function wait(delayMs: number, signal?: AbortSignal | undefined): Promise<void> {
  try {
    await timeout(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch {
    throw abortedError(signal); // a timer rejects only when it is aborted
  }
}
