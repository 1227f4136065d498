import { setTimeout as delay } from 'node:timers/promises';
import { isLadingError, RegistryError, systemCode } from './errors.js';
import type { OnCopyEvent } from './events.js';

/** The default number of attempts after the first. */
export const DEFAULT_RETRIES = 5;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;
/** The longest wait that a server may ask for; beyond this, it is better to fail than to wait. */
export const MAX_RETRY_AFTER_MS = 60_000;

const RETRYABLE_STATUS = new Set([408, 425, 429, 500, 502, 503, 504, 520, 522, 524]);
const RETRYABLE_SYSTEM = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** True if the same request may succeed when it is repeated. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof RegistryError) {
    if (error.isFinal || (error.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) return false;
    if (error.status !== undefined) return RETRYABLE_STATUS.has(error.status);
    if (error.code === 'UNREACHABLE') return isRetryable(error.cause);
    return error.code === 'TIMEOUT' || error.code === 'CUT_SHORT';
  }
  // The content may have been damaged on its way, so it is fetched again.
  if (isLadingError(error, 'CUT_SHORT', 'DIGEST_MISMATCH', 'TIMEOUT')) return true;
  if (isLadingError(error)) return false;
  const code = systemCode(error);
  return code !== undefined && RETRYABLE_SYSTEM.has(code);
}

/**
 * Returns the milliseconds to wait before a repetition; `attempt` is 1 for the first. It is the time that the server
 * asked for (at most 60 s), otherwise a time that doubles from 250 ms to 15 s, with a random jitter of up to a quarter
 * so that many clients do not return at the same moment.
 */
export function delayBefore(attempt: number, error: unknown, random: () => number = Math.random): number {
  const named = error instanceof RegistryError ? error.retryAfterMs : undefined;
  if (named !== undefined && named > 0) return Math.min(named, MAX_RETRY_AFTER_MS);
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
  return Math.round(delayMs * (1 + random() * 0.25));
}

export interface RetryOptions {
  /** Attempts after the first; default 5. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
  onEvent?: OnCopyEvent | undefined;
  /** Decides whether another attempt may succeed; default `isRetryable`. */
  isWorthRetrying?: ((error: unknown) => boolean) | undefined;
}

/**
 * After this much progress, failures are counted from zero again, so that a large blob gets through a bad connection.
 */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * Runs `attempt` until it succeeds, another attempt cannot help, or there were too many failures. `what` names the work
 * in events. `bytesSoFar` returns the bytes transferred so far: progress resets the count of failures.
 */
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
