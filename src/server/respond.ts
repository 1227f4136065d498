import type { ServerResponse } from 'node:http';
import { type Answer, type ContentBody, jsonAnswer } from './answer.js';
import { errorBody, type Refusal } from './errors.js';
import type { RequestBody } from './request-body.js';
import { type SendOptions, send } from './send.js';

const COMMON_HEADERS = {
  'Docker-Distribution-Api-Version': 'registry/2.0',
  'X-Content-Type-Options': 'nosniff',
};

export interface RespondOptions extends SendOptions {
  /** Whether to send only the head, for HEAD. */
  headOnly: boolean;
  /** The client to whose share of the memory the answer counts. */
  client: string;
  /** The request's body; if it was not read to its end, the connection is closed after this answer. */
  unread?: Pick<RequestBody, 'isUnread' | 'discard'>;
}

/**
 * Writes an answer. Rejects before the head is sent if the body cannot be opened or its beginning is wrong. If the rest
 * does not match the head, rejects and destroys the connection, so that the client sees it cut.
 */
export async function respond(
  response: ServerResponse,
  answer: Answer,
  { headOnly, unread, client, ...sending }: RespondOptions,
): Promise<void> {
  const { body } = answer;
  if (response.destroyed) return;
  if (unread?.isUnread) response.setHeader('Connection', 'close');
  if (body === undefined || headOnly) {
    writeHead(response, answer);
    await end(response, undefined, unread);
  } else if (Buffer.isBuffer(body)) {
    response.once(
      'close',
      sending.memory.holdBody(client, body, () => response.destroy()),
    );
    writeHead(response, answer);
    sending.onBytes(body.length);
    await end(response, body, unread);
  } else {
    const source = await body.open();
    await send(response, source, body, { ...sending, writeHead: () => writeHead(response, answer) });
  }
}

/**
 * Ends the response with a body in memory. The client gets all of it before the rest of the request is read and
 * dropped.
 */
async function end(
  response: ServerResponse,
  body: Buffer | undefined,
  unread: RespondOptions['unread'],
): Promise<void> {
  if (!unread?.isUnread) {
    response.end(body);
    return;
  }
  response.flushHeaders();
  if (body !== undefined && body.length > 0) response.write(body);
  await unread.discard();
  response.end();
}

/** Returns the answer for a refusal. */
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
