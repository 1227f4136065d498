import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, printable, redactURL } from '../../errors.js';
import type { Endpoint } from '../router.js';

/**
 * The endpoint of a request; `none` if there is no such endpoint, or if the request was refused before it was parsed.
 */
export type RouteKind = Endpoint['type'] | 'healthz' | 'metrics' | 'none';

/** An answered request. Its texts contain no secrets and no control characters. */
export interface AccessEntry {
  /** When the request arrived. */
  time: Date;
  method: string;
  /** Path and query as the client sent them; values that may be secret are redacted. */
  url: string;
  /** `HTTP/1.1` */
  protocol: string;
  /** The endpoint. */
  route: RouteKind;
  status: number;
  /** Number of body bytes written to the connection. */
  bytes: number;
  /** Number of bytes read of the request's body. */
  received: number;
  /** False if the connection ended before the response did. */
  complete: boolean;
  durationMs: number;
  remoteAddress: string | undefined;
  /** The authenticated user, if passwords are required. */
  user: string | undefined;
  userAgent: string | undefined;
  /** Why the status is 500 or the response was cut. Not sent to the client. */
  error?: unknown;
}

/** Returns the log entry of a request whose response has ended. */
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

/** Facts that are not in the request or response objects. */
export interface AnswerFacts {
  time: Date;
  route: RouteKind;
  bytes: number;
  received: number;
  /** `performance.now()` when the request arrived. */
  startedMs: number;
  /** Read when the request arrived, because a closed socket no longer has it. */
  remoteAddress: string | undefined;
  user: string | undefined;
  error: unknown;
}

/**
 * Formats one line, without a line feed: Apache's combined log format, then the duration and any error. `cut` after the
 * status means that the status was sent but not the whole body.
 */
export function formatAccess(entry: AccessEntry, as: 'text' | 'json'): string {
  if (as === 'json') return formatAsJSON(entry);
  const { remoteAddress, user, method, url, protocol, status, bytes, userAgent, durationMs, complete } =
    entry;
  const line = [
    remoteAddress ?? '-',
    '-', // the user name of identd, which is not used
    user === undefined ? '-' : plain(user),
    `[${formatTime(entry.time)}]`,
    quoted(`${method} ${url} ${protocol}`),
    status,
    bytes,
    '"-"', // the referer, which such clients do not send
    quoted(userAgent ?? '-'),
    `${durationMs.toFixed(1)}ms`,
  ].join(' ');
  const problem = problemOf(entry);
  return line + (complete ? '' : ' cut') + (problem === undefined ? '' : ` ${quoted(problem)}`);
}

/** Formats `21/Nov/2026:12:10:02 +0000`, the only format that log readers accept. */
function formatTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(' ');
  return `${day}/${month}/${year}:${clock} +0000`;
}

function formatAsJSON(entry: AccessEntry): string {
  return JSON.stringify({ ...entry, error: problemOf(entry) }); // JSON.stringify omits undefined members
}

function problemOf({ error }: Pick<AccessEntry, 'error'>): string | undefined {
  return error === undefined ? undefined : messageOf(error);
}

/** A user name may contain spaces and quotes, which would look like further fields. */
function plain(text: string): string {
  return /^[^\s"[\]]+$/.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * Redacts secrets in a request target. The path is kept unchanged, including `..`, because an operator wants to see
 * attacks as they were sent.
 */
function redactTarget(target: string): string {
  const [path = ''] = target.split('?', 1);
  const base = 'http://localhost/';
  const query = redactURL(base + target.slice(path.length)).slice(base.length);
  return printable(path.replace(/\/\/[^/]*@/, '//')) + query;
}
