import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authorization } from './access/authorization.js';
import type { Answer, Asked } from './answer.js';
import { answerFrom, type Repositories } from './endpoints.js';
import { Refusal, refusalOf } from './errors.js';
import type { HeldMemory } from './held-memory.js';
import { requireOneHost } from './host.js';
import { accessEntry, type RouteKind } from './operational/access-log.js';
import type { Admission } from './operational/admission.js';
import { addressOf, clientOf } from './operational/client.js';
import type { Metrics, MetricsNow } from './operational/metrics.js';
import type { Observer } from './operational/observer.js';
import { answerOperational, operationalPath } from './operational/operational.js';
import { isOurTurn } from './operational/patience.js';
import { answerPush, isPush } from './push/push.js';
import type { PushSide } from './push/push-side.js';
import type { VerifiedContent } from './read/verified-content.js';
import { requestBody } from './request-body.js';
import { type RespondOptions, refusalAnswer, respond } from './respond.js';
import { type Endpoint, parseRoute } from './router.js';

export interface ExchangeOptions extends Repositories {
  /** Checks every request except `/healthz`; without it, everybody is admitted. */
  authorization?: Authorization;
  /** Counts every request, and renders `/metrics`; without it, there is no such endpoint. */
  metrics?: Metrics;
  /** For `/healthz`: rejects if the content cannot be read. */
  checkStore?: () => Promise<void>;
  /** Called for every request when its response has ended, also if it was cut. */
  onRequest?: Observer;
}

/** State that all exchanges of a server share. */
export interface ServerState {
  admission: Admission;
  /** Undefined if the registry is read-only. */
  push: PushSide | undefined;
  verified: VerifiedContent;
  /** Memory for bodies that are being sent or received. */
  memory: HeldMemory;
  maxTargetLength: number;
  maxPageBytes: number;
  isDraining(): boolean;
  countNow(): MetricsNow;
}

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Whether the client waits for 100 Continue, which we then have to send. */
  expectsContinue: boolean;
}

/** What becomes known about a request while it is processed. */
interface Findings {
  route: RouteKind;
  user: string | undefined;
  client: string;
  /** Number of body bytes transferred so far; infinite while the client waits for us. */
  moved: () => number;
  /** Frees the place that the request has taken. */
  leave: () => void;
}

/** Answers a request; resolves when the response has ended, whether or not it was completed. */
export async function answerRequest(
  options: ExchangeOptions,
  state: ServerState,
  { request, response, expectsContinue }: Exchange,
): Promise<void> {
  const { method = '', headers } = request;
  const { remoteAddress } = request.socket;
  const time = new Date();
  const startedMs = performance.now();
  const gone = new AbortController();
  const body = requestBody(request, response, expectsContinue);
  let bytes = 0;
  const found: Findings = {
    route: 'none',
    user: undefined,
    client: addressOf(remoteAddress),
    moved: () => (isOurTurn(request, request.socket) ? Number.POSITIVE_INFINITY : body.bytes + bytes),
    leave: () => undefined,
  };
  let failure: unknown;
  const over = new Promise<void>((resolve) => response.once('close', resolve));
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  response.on('error', (error) => {
    failure ??= error;
  });

  const send: Omit<RespondOptions, 'client'> = {
    headOnly: method === 'HEAD',
    signal: gone.signal,
    onBytes: (count) => {
      bytes += count;
    },
    unread: body,
    memory: state.memory,
  };
  try {
    const asked = {
      method,
      headers,
      signal: gone.signal,
      cut: () => void response.destroy(),
      body: () => body.read(),
    };
    const answer = await findAnswer(options, state, { request, asked, found });
    await respond(response, answer, { ...send, client: found.client });
  } catch (error) {
    if (!(error instanceof Refusal)) failure = error;
    if (response.headersSent) response.destroy();
    else await respond(response, refusalAnswer(refusalOf(error)), { ...send, client: found.client });
  }
  await over;
  found.leave();
  const entry = accessEntry(request, response, {
    time,
    startedMs,
    route: found.route,
    user: found.user,
    remoteAddress,
    received: body.bytes,
    bytes,
    error: failure,
  });
  options.metrics?.count(entry);
  options.onRequest?.(entry);
}

/**
 * Checks the authorization first: without it, a client learns nothing, not even which endpoints exist, and its body is
 * not read.
 */
async function findAnswer(
  options: ExchangeOptions,
  state: ServerState,
  {
    request,
    asked,
    found,
  }: { request: IncomingMessage; asked: Omit<Asked, 'query' | 'client'>; found: Findings },
): Promise<Answer> {
  const { url: target = '', socket } = request;
  const { method, headers } = asked;
  requireOneHost(request);
  if (target.length > state.maxTargetLength)
    throw new Refusal('UNSUPPORTED', 'the URL is too long', { status: 414 });

  const operational = operationalPath(target);
  if (operational !== undefined) found.route = operational;
  if (operational !== 'healthz')
    found.user = await options.authorization?.authorize(
      headers.authorization,
      socket.remoteAddress,
      asked.signal,
    );
  if (operational !== undefined) {
    const { metrics, checkStore } = options;
    return answerOperational(operational, method, { metrics, checkStore, ...state });
  }

  const { endpoint, query } = parseRoute(method, target, { writable: state.push !== undefined });
  found.route = endpoint.type;
  const client = clientOf(found.user, socket.remoteAddress);
  found.client = client;
  found.leave = state.admission.enter({
    kind: bringsContent(endpoint, method) ? 'uploads' : 'requests',
    client,
    moved: found.moved,
    cut: asked.cut,
  });
  const complete = { ...asked, query, client };
  return state.push !== undefined && isPush(endpoint, method)
    ? answerPush(state.push, endpoint, complete)
    : answerFrom(options, endpoint, complete, state);
}

function bringsContent({ type }: Endpoint, method: string): boolean {
  return (type === 'upload' || type === 'uploads') && ['POST', 'PATCH', 'PUT'].includes(method);
}
