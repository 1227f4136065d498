import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, printable, redactURL } from '../../errors.js';
import type { Endpoint } from '../router.js';

/** What a request was for; `none` where it was for nothing that there is, or was refused before anybody looked. */
export type RouteKind = Endpoint['type'] | 'healthz' | 'metrics' | 'none';

/** One answered request; no text in it holds a secret or a control character. */
export interface AccessEntry {
  /** When the request came in. */
  time: Date;
  method: string;
  /** Path and query as the client sent them, query values that can carry a secret replaced. */
  url: string;
  /** `HTTP/1.1` */
  protocol: string;
  /** What was asked for: of the few kinds there are. */
  route: RouteKind;
  status: number;
  /** Bytes of the body handed to the connection. */
  bytes: number;
  /** Bytes of the request's body that were read. */
  received: number;
  /** False when the connection ended before the answer did. */
  complete: boolean;
  durationMs: number;
  remoteAddress: string | undefined;
  /** Who showed the right password, where one is asked for. */
  user: string | undefined;
  userAgent: string | undefined;
  /** Why it is a 500 or was cut short. The client is not told. */
  error?: unknown;
}

/** What the log says of a request whose answer is over. */
export function accessEntry(
  request: IncomingMessage,
  response: ServerResponse,
  { time, startedMs, remoteAddress, user, route, bytes, received, error }: AnswerFacts,
): AccessEntry {
  const userAgent = request.headers['user-agent'];
  return {
    time,
    remoteAddress,
    user: user === undefined ? undefined : printable(user),
    method: request.method ?? '',
    url: redactTarget(request.url ?? ''),
    protocol: `HTTP/${request.httpVersion}`,
    route,
    status: response.statusCode,
    bytes,
    received,
    complete: response.writableFinished,
    durationMs: Math.round((performance.now() - startedMs) * 10) / 10,
    userAgent: userAgent === undefined ? undefined : printable(userAgent),
    ...(error === undefined ? {} : { error }),
  };
}

/** What only the one who answered knows. */
export interface AnswerFacts {
  time: Date;
  route: RouteKind;
  bytes: number;
  received: number;
  /** `performance.now()` when the request came in. */
  startedMs: number;
  /** Asked for when the request came in: a closed socket no longer knows it. */
  remoteAddress: string | undefined;
  user: string | undefined;
  error: unknown;
}

/**
 * One line, without its end: the combined log format of Apache, then the duration, and what went wrong. A status
 * that is followed by `cut` was sent, and the body that belongs to it was not, or not to its end.
 */
export function formatAccess(entry: AccessEntry, as: 'text' | 'json'): string {
  if (as === 'json') return formatAsJSON(entry);
  const { remoteAddress, user, method, url, protocol, status, bytes, userAgent, durationMs, complete } =
    entry;
  const line = [
    remoteAddress ?? '-',
    '-', // what identd would say
    user === undefined ? '-' : plain(user),
    `[${formatTime(entry.time)}]`,
    quoted(`${method} ${url} ${protocol}`),
    status,
    bytes,
    '"-"', // the page that led here: there is none for such clients
    quoted(userAgent ?? '-'),
    `${durationMs.toFixed(1)}ms`,
  ].join(' ');
  const problem = problemOf(entry);
  return line + (complete ? '' : ' cut') + (problem === undefined ? '' : ` ${quoted(problem)}`);
}

/** `21/Nov/2026:12:10:02 +0000`: what reads such logs takes no other form. */
function formatTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(' ');
  return `${day}/${month}/${year}:${clock} +0000`;
}

function formatAsJSON(entry: AccessEntry): string {
  return JSON.stringify({ ...entry, error: problemOf(entry) }); // what is undefined is left out
}

function problemOf({ error }: Pick<AccessEntry, 'error'>): string | undefined {
  return error === undefined ? undefined : messageOf(error);
}

/** A name may hold spaces and quotes, which would read as the fields after it. */
function plain(text: string): string {
  return /^[^\s"[\]]+$/.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** The path is kept letter by letter, `..` and all: it is what an operator wants to see of an attack. */
function redactTarget(target: string): string {
  const [path = ''] = target.split('?', 1);
  const base = 'http://localhost/';
  const query = redactURL(base + target.slice(path.length)).slice(base.length);
  return printable(path.replace(/\/\/[^/]*@/, '//')) + query;
}
