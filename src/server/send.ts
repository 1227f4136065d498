import type { ServerResponse } from 'node:http';
import { addAbortSignal, type Readable } from 'node:stream';
import { giveBackChunk } from '../content/chunks.js';
import type { ContentBody } from './answer.js';
import { exactlyThrough } from './exactly.js';
import type { HeldMemory } from './held-memory.js';

export interface SendOptions {
  /** Aborts when the client disconnects. */
  signal: AbortSignal;
  /** Called with the number of bytes that are written to the connection. */
  onBytes: (bytes: number) => void;
  memory: HeldMemory;
}

/**
 * Sends a body and ends the response; calls `writeHead` when the first bytes are available. Rejects if the source does
 * not have exactly the announced bytes. Before the head, another answer can still be sent; after it, the response is
 * destroyed, so that the client lacks bytes and sees the connection cut.
 *
 * A chunk is read only when the previous one has been written to the network, so that a slow client takes no more
 * memory than a fast one.
 */
export async function send(
  response: ServerResponse,
  source: Readable,
  body: ContentBody,
  { signal, onBytes, memory, writeHead }: SendOptions & { writeHead: () => void },
): Promise<void> {
  source.on('error', () => undefined); // the loop below throws it too
  addAbortSignal(signal, source); // ends a source that blocks
  try {
    for await (const chunk of exactlyThrough(source, body, memory)) {
      if (!response.headersSent) writeHead();
      onBytes(chunk.length);
      await written(response, chunk, signal);
      giveBackChunk(chunk);
    }
    if (!response.headersSent) writeHead();
  } catch (error) {
    if (response.headersSent) response.destroy();
    signal.throwIfAborted(); // if the client has disconnected, that is the cause and not this error
    throw error;
  } finally {
    source.destroy();
  }
  response.end();
}

/**
 * Writes a chunk. Resolves when its memory can be reused; rejects when the client disconnects, in which case the
 * callback of `write` may never be called.
 */
function written(response: ServerResponse, chunk: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    response.write(chunk, (error) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    });
  });
}
