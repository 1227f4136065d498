import { RegistryError } from '../../errors.js';

/** A body that is watched while it is sent. */
export interface WatchedBody {
  body: AsyncIterable<Uint8Array>;
  /** Ends the request: the caller's own signal, or nothing was taken for too long. */
  signal: AbortSignal;
  /** The stall, once there was one. */
  stalled(): RegistryError | undefined;
  /** Ends the watching. */
  release(): void;
}

/**
 * Watches that a server goes on taking a body: a piece is asked for when the ones before it have left. The
 * HTTP library has one time limit for this and for the answer, which may take far longer.
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
