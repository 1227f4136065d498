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
  /** HEAD gets the same head and no body. */
  headOnly: boolean;
  /** Whose share of the memory for answers the answer takes. */
  client: string;
  /** What the client sends and nobody has read to its end: then the connection ends with this answer. */
  unread?: Pick<RequestBody, 'isUnread' | 'discard'>;
}

/**
 * Writes an answer. Rejects before the head is sent when the body cannot be opened or its beginning is wrong; rejects
 * and destroys the connection when the rest is not what the head said, so that the client sees it cut.
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

/** Ends with a body that is at hand. The client has all of it while what it still sends is thrown away. */
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
