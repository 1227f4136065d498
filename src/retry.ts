import { setTimeout as delay } from 'node:timers/promises';
import { isLadingError, RegistryError, systemCode } from './errors.js';
import type { OnCopyEvent } from './events.js';

/** Attempts after the first, where nothing else is asked for. */
export const DEFAULT_RETRIES = 5;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;
/** Longest wait that a server may ask for: beyond it, failing is more useful than waiting. */
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

/** Whether the same request can succeed when it is made again. */
export function isRetryable(error: unknown): boolean {
  if (error instanceof RegistryError) {
    if (error.isFinal || (error.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) return false;
    if (error.status !== undefined) return RETRYABLE_STATUS.has(error.status);
    if (error.code === 'UNREACHABLE') return isRetryable(error.cause);
    return error.code === 'TIMEOUT' || error.code === 'CUT_SHORT';
  }
  // Damage on the way: the content is fetched afresh.
  if (isLadingError(error, 'CUT_SHORT', 'DIGEST_MISMATCH', 'TIMEOUT')) return true;
  if (isLadingError(error)) return false;
  const code = systemCode(error);
  return code !== undefined && RETRYABLE_SYSTEM.has(code);
}

/**
 * Milliseconds to wait before attempt `attempt` (1 is the first repetition): what the server named, where it named a
 * wait at all, else doubling from 250 ms to 15 s, with a jitter of up to a quarter so that many clients do not come
 * back as one.
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
