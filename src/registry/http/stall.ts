import { RegistryError } from '../../errors.js';

/** A request body with a timeout for sending it. */
export interface WatchedBody {
  body: AsyncIterable<Uint8Array>;
  /** Aborts when the caller's signal does, or when the server took no bytes for too long. */
  signal: AbortSignal;
  /** The timeout error, if the server has stalled. */
  stalled(): RegistryError | undefined;
  /** Stops the timer and removes the listener. */
  release(): void;
}

/**
 * Wraps a body so that the request is aborted if the server does not take the next chunk within `stallTimeoutMs`.
 * undici has only one timeout for this and for the response, which may take far longer.
 */
export function watchSending(
  body: AsyncIterable<Uint8Array>,
  host: string,
  stallTimeoutMs: number,
  signal: AbortSignal | undefined,
): WatchedBody {
  const ending = new AbortController();
  const onAbort = () => ending.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  let stall: RegistryError | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      timer = setTimeout(() => {
        stall = new RegistryError('TIMEOUT', `${host} stopped taking the bytes it was sent`);
        ending.abort(stall);
      }, stallTimeoutMs);
      try {
        yield chunk;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  return {
    body: watched(),
    signal: ending.signal,
    stalled: () => stall,
    release() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}
