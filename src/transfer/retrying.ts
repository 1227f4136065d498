import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_RETRIES, delayBefore, isRetryable } from '../retry.js';
import type { OnCopyEvent } from '../events.js';

export interface RetryOptions {
  /** Attempts after the first; default 5. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
  /** Whether another attempt can help; default: what the error says of itself. */
  isWorthRetrying?: ((error: unknown) => boolean) | undefined;
}

/** So much progress since the last failure makes a new failure the first again: a poor line still ends a large blob. */
const PROGRESS_BYTES = 1024 * 1024;

/** Runs `attempt` until it succeeds or another try cannot help; `bytesSoFar` tells of progress between failures. */
export async function retrying<T>(
  what: string,
  attempt: () => Promise<T>,
  { retries = DEFAULT_RETRIES, signal, onEvent, isWorthRetrying = isRetryable }: RetryOptions,
  bytesSoFar: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  let bytesAtFailure = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted || !isWorthRetrying(error)) throw error;
      if (bytesSoFar() - bytesAtFailure >= PROGRESS_BYTES) failures = 0;
      bytesAtFailure = bytesSoFar();
      if (++failures > retries) throw error;
      const delayMs = delayBefore(failures, error);
      onEvent?.({ type: 'retrying', what, attempt: failures, delayMs, error });
      await delay(delayMs, undefined, { signal });
    }
  }
}
