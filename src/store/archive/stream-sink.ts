import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { diskError } from '../../disk/disk.js';
import { LadingError, systemCode } from '../../errors.js';
import type { Sink } from '../write-content.js';

/**
 * Makes a sink of a stream: a write to a later position waits until everything before it was written. It never ends the
 * stream.
 */
export function createStreamSink(stream: Writable): Sink {
  let position = 0;
  const waiting = new Map<number, () => void>();
  let failure: unknown;
  // Keep the error for the next write; without a listener it would end the process.
  stream.once('error', (error) => {
    failure = streamError(error);
  });

  async function turn(wanted: number, signal: AbortSignal | undefined): Promise<void> {
    if (wanted === position) return;
    if (wanted < position) throw new Error(`position ${wanted} of the stream was written already`);
    signal?.throwIfAborted();
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

  async function drained(signal: AbortSignal | undefined): Promise<void> {
    try {
      await once(stream, 'drain', { signal });
    } catch (error) {
      throw failure ?? error;
    }
  }

  return {
    async write(chunks, wanted, signal) {
      await turn(wanted, signal);
      signal?.throwIfAborted();
      for (const chunk of chunks) {
        if (failure !== undefined) throw failure;
        if (!stream.write(chunk)) await drained(signal);
      }
      position = wanted + chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      const next = waiting.get(position);
      waiting.delete(position);
      next?.();
    },
  };
}

/** Turns the error of a stream that did not accept the bytes of an archive into a `LadingError`. */
export function streamError(error: unknown): unknown {
  if (systemCode(error) === 'ENOSPC')
    return new LadingError('NO_SPACE', 'no space left to write the output', {
      cause: error,
      hint: 'Make room.',
    });
  if (systemCode(error) !== 'EPIPE') return diskError(error, 'the output');
  return new LadingError('IO', 'the output was closed before the archive was whole', {
    cause: error,
    hint: 'Look at what the program that reads it says.',
  });
}
