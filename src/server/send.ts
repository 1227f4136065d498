import type { ServerResponse } from 'node:http';
import { addAbortSignal, type Readable } from 'node:stream';
import type { ContentBody } from './answer.js';
import { exactlyThrough } from './exactly.js';
import type { HeldMemory } from './held-memory.js';

export interface SendOptions {
  /** Aborts when the client is gone. */
  signal: AbortSignal;
  /** Told of bytes as they are handed to the connection. */
  onBytes: (bytes: number) => void;
  memory: HeldMemory;
}

/**
 * Sends a body and ends the response; `writeHead` is called when the first bytes are there. Rejects when the source
 * has not exactly the bytes that are announced: before the head another answer can still be given, after it the
 * response is destroyed, so that the client lacks some and sees the connection cut.
 *
 * A chunk is read when the one before has left for the network, so that a client which reads slowly, or not at
 * all, takes no more memory than a fast one.
 */
export async function send(
  response: ServerResponse,
  source: Readable,
  body: ContentBody,
  { signal, onBytes, memory, writeHead }: SendOptions & { writeHead: () => void },
): Promise<void> {
  source.on('error', () => undefined); // whoever reads is told, too
  addAbortSignal(signal, source); // a source that keeps us waiting would not be left otherwise
  try {
    for await (const chunk of exactlyThrough(source, body, memory)) {
      if (!response.headersSent) writeHead();
      onBytes(chunk.length);
      await written(response, chunk, signal);
    }
    if (!response.headersSent) writeHead();
  } catch (error) {
    if (response.headersSent) response.destroy();
    signal.throwIfAborted(); // what fails because the client has gone is not the cause
    throw error;
  } finally {
    source.destroy();
  }
  response.end();
}

/** Resolves when the chunk's memory is free again; rejects when the client is gone, of which a write may never tell. */
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
