import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Sink } from './write-content.js';

/**
 * A sink over a stream: whoever comes with a later position waits until everything before it was written.
 * It never ends the stream.
 */
export function createStreamSink(stream: Writable): Sink {
  let position = 0;
  const waiting = new Map<number, () => void>();

  async function turn(wanted: number, signal: AbortSignal | undefined): Promise<void> {
    if (wanted === position) return;
    if (wanted < position) throw new Error(`position ${wanted} of the stream was written already`);
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        waiting.delete(wanted);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      waiting.set(wanted, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  return {
    async write(chunks, wanted, signal) {
      await turn(wanted, signal);
      signal?.throwIfAborted();
      for (const chunk of chunks) {
        if (!stream.write(chunk)) await once(stream, 'drain', { signal });
      }
      position = wanted + chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      const next = waiting.get(position);
      waiting.delete(position);
      next?.();
    },
  };
}
