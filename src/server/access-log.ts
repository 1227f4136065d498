import type { IncomingMessage, ServerResponse } from 'node:http';
import { printable, redactURL } from '../errors.js';

/** One answered request; no text in it holds a secret or a control character. */
export interface AccessEntry {
  method: string;
  /** Path and query as the client sent them, query values that can carry a secret replaced. */
  url: string;
  status: number;
  /** Bytes of the body handed to the connection. */
  bytes: number;
  /** False when the connection ended before the answer did. */
  complete: boolean;
  durationMs: number;
  remoteAddress: string | undefined;
  userAgent: string | undefined;
  /** Why it is a 500 or was cut short. The client is not told. */
  error?: unknown;
}

/** What the log says of a request whose answer is over. */
export function accessEntry(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes, startedMs, remoteAddress, error }: AnswerFacts,
): AccessEntry {
  const userAgent = request.headers['user-agent'];
  return {
    method: request.method ?? '',
    url: redactTarget(request.url ?? ''),
    status: response.statusCode,
    bytes,
    complete: response.writableFinished,
    durationMs: Math.round(performance.now() - startedMs),
    remoteAddress,
    userAgent: userAgent === undefined ? undefined : printable(userAgent),
    ...(error === undefined ? {} : { error }),
  };
}

/** What only the one who answered knows. */
export interface AnswerFacts {
  bytes: number;
  /** `performance.now()` when the request came in. */
  startedMs: number;
  /** Asked for when the request came in: a closed socket no longer knows it. */
  remoteAddress: string | undefined;
  error: unknown;
}

/** The path is kept letter by letter, `..` and all: it is what an operator wants to see of an attack. */
function redactTarget(target: string): string {
  const [path = ''] = target.split('?', 1);
  const base = 'http://localhost/';
  const query = redactURL(base + target.slice(path.length)).slice(base.length);
  return printable(path.replace(/\/\/[^/@]*@/, '//')) + query;
}
