import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type Answer, type ContentBody, jsonAnswer } from './answer.js';
import { errorBody, type Refusal } from './errors.js';
import { exactly } from './exactly.js';

const COMMON_HEADERS = {
  'Docker-Distribution-Api-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
};

export interface RespondOptions {
  /** HEAD gets the same head and no body. */
  headOnly: boolean;
  /** Aborts when the client is gone. */
  signal: AbortSignal;
  /** Told of the body's bytes as they are handed to the connection. */
  onBytes: (bytes: number) => void;
}

/**
 * Writes an answer. Rejects before the head is sent when the body cannot be opened; rejects and destroys the
 * connection when the body is not as long as the head said, so that the client sees it cut.
 */
export async function respond(
  response: ServerResponse,
  answer: Answer,
  { headOnly, signal, onBytes }: RespondOptions,
): Promise<void> {
  const { body } = answer;
  if (response.destroyed) return;
  if (body === undefined || headOnly) {
    writeHead(response, answer);
    response.end();
  } else if (Buffer.isBuffer(body)) {
    writeHead(response, answer);
    onBytes(body.length);
    response.end(body);
  } else {
    const source = await body.open();
    writeHead(response, answer);
    // The signal besides: while a source keeps it waiting, pipeline does not see that the response has closed.
    await pipeline(source, (chunks) => exactly(chunks, body, onBytes), response, { signal });
  }
}

/** The answer that tells a client of a refusal. */
export function refusalAnswer(refusal: Refusal): Answer {
  return jsonAnswer(errorBody(refusal), { status: refusal.status, headers: refusal.headers });
}

function writeHead(response: ServerResponse, { status, headers, body }: Answer): void {
  const length = body === undefined ? {} : { 'Content-Length': lengthOf(body) };
  response.writeHead(status, { ...COMMON_HEADERS, ...headers, ...length });
}

function lengthOf(body: Buffer | ContentBody): number {
  return Buffer.isBuffer(body) ? body.length : body.size;
}
