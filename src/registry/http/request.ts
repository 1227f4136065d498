import { setMaxListeners } from 'node:events';
import { isRegistry } from '../../content/reference.js';
import {
  type Advice,
  isLadingError,
  LadingError,
  RegistryError,
  redactURL,
  systemCode,
} from '../../errors.js';
import { delayBefore, isRetryable } from '../../retry.js';
import type { Authenticator, Authorization, AuthTarget } from '../auth/auth.js';
import { parseChallenges } from '../auth/challenge.js';
import { credentialAdvice } from '../auth/credential-hint.js';
import type { RegistriesConf } from '../configuration/registries-conf.js';
import {
  type AskingOrder,
  type Endpoint,
  Endpoints,
  isOutOfReach,
  type MirrorNames,
  repositoryAt,
  scopesAt,
  targetAt,
  weightiest,
} from '../mirrors.js';
import { wait as waitByTimer } from './abort.js';
import { readRefusal } from './encoded-body.js';
import { type Headers, headerLines, parseRateLimit, parseWarnings, type RateLimit } from './headers.js';
import { abortedError } from './network-error.js';
import { type FollowedRequest, sendFollowing } from './redirect.js';
import type { TransportResponse } from './response.js';
import { parseErrorBody, type RefusedResponse, responseError } from './response-error.js';
import type { Schemes } from './scheme.js';
import { targetURL } from './target.js';
import type { Method, RequestBody, Transport } from './transport.js';

/** Something to ask a registry. */
export interface RegistryRequest {
  registry: string;
  repository?: string | undefined;
  method: Method;
  /** A path on the registry, or the URL that it named for an upload. */
  target: string;
  headers?: Record<string, string> | undefined;
  /** Opens the body, again for each time it is sent. */
  body?: (() => RequestBody) | undefined;
  /** How long the registry may take to answer once it has everything; default the stall timeout. */
  answerTimeoutMs?: number | undefined;
  /** Bytes of the response, where they are known: large ones are received another way. */
  expectedBytes?: number | undefined;
  /** What a token must allow. */
  scopes: readonly string[];
  /** The thing and its place, for errors: `tag "1.2" of reg.example/app`. */
  what: string;
  /** What to do where it is not there. */
  whenNotFound?: Advice | undefined;
  /** What to do about a refusal, by the registry's code or by the status. */
  hints?: Readonly<Record<string, Advice>> | undefined;
  /** Default the registry only. */
  order?: AskingOrder | undefined;
  /**
   * After a failure, what to change before the same endpoint is asked once more: a form of the request that more
   * registries take. It is no repetition, and there is one for each endpoint.
   */
  otherwise?: ((error: unknown) => Partial<RegistryRequest> | undefined) | undefined;
  /** Repetitions; default the client's for a request without a body, none for one with. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Says that a request is made again. */
export interface RetryEvent {
  /** Redacted. */
  url: string;
  /** 1 is the first repetition. */
  attempt: number;
  delayMs: number;
  error: unknown;
}

/** Knows what a request has to carry, before and after it was refused. */
export type RequestAuthenticator = Pick<Authenticator, 'authorize' | 'answer' | 'credentialFor'>;

export interface RequesterOptions {
  transport: Transport;
  authenticator: RequestAuthenticator;
  schemes: Schemes;
  userAgent: string;
  retries: number;
  mirrors: MirrorNames;
  registriesConf?: RegistriesConf | undefined;
  /** Whether a registry on the network may name addresses of private networks. */
  privateAddresses?: boolean | undefined;
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  onRetry?: ((event: RetryEvent) => void) | undefined;
  onWarning?: ((text: string) => void) | undefined;
  onRateLimit?: ((limit: RateLimit & { registry: string }) => void) | undefined;
}

/** Warnings that registries are heard with in a run. */
const MAX_WARNINGS = 100;

/** Reads a successful response; its failure counts as one of the request. */
type Consume<T> = (response: TransportResponse, from: Endpoint) => Promise<T>;

/**
 * Makes a request, with mirrors, repetitions, authentication and redirects, and gives the successful response
 * to `consume`. Every repetition of a request is made here or by the caller, never by both.
 */
export type Requester = <T>(request: RegistryRequest, consume: Consume<T>) => Promise<T>;

const LISTS: AskingOrder = 'registry, mirrors if out of reach';

export function createRequester(options: RequesterOptions): Requester {
  const { transport, authenticator, schemes, userAgent, wait = waitByTimer } = options;
  const endpoints = new Endpoints(options.mirrors, options.onWarning, options.registriesConf);
  /** Registries that have answered: only of those a refused connection may be a passing one. */
  const answered = new Set<string>();
  const warned = new Set<string>();

  return async (request, consume) => {
    // One signal ends all requests of a run; Node.js would take its many listeners for a leak.
    if (request.signal !== undefined) setMaxListeners(0, request.signal);
    if (!isRegistry(request.registry)) {
      throw new LadingError('INVALID_REFERENCE', `"${request.registry}" is not a registry's HOST[:PORT]`);
    }
    const failures: { endpoint: Endpoint; error: unknown }[] = [];
    const inOrder = endpoints.inOrder(request);
    const [registry] = inOrder;
    // A registry that has answered before is within reach, whatever becomes of this question.
    const isWithinReach =
      request.order === LISTS && registry !== undefined && answered.has(registry.registry);
    const asked = isWithinReach ? [registry] : inOrder;
    for (const [index, endpoint] of asked.entries()) {
      const isLast = index === asked.length - 1;
      try {
        const answer = await repeat(endpoint, request, consume, isLast);
        endpoints.helped(endpoint);
        return answer;
      } catch (error) {
        if (isLadingError(error, 'ABORTED', 'USAGE')) throw error;
        failures.push({ endpoint, error });
        if (request.order === LISTS && !isOutOfReach(error)) break;
        if (!isLast) endpoints.failed(endpoint, error);
      }
    }
    throw weightiest(failures);
  };

  async function repeat<T>(
    endpoint: Endpoint,
    request: RegistryRequest,
    consume: Consume<T>,
    isLast: boolean,
  ): Promise<T> {
    // A mirror is not asked twice where another can be asked.
    const retries = isLast || endpoint.mirrorOf === undefined ? retriesFor(request, options.retries) : 0;
    let form = request;
    for (let attempt = 1; ; ) {
      if (request.signal?.aborted) throw abortedError(request.signal);
      const base = await schemes.baseURL(endpoint.registry, request.signal, endpoint.insecure);
      const url = urlFor(form, endpoint, base, options.privateAddresses);
      try {
        return await consume(await exchange(endpoint, form, base, url), endpoint);
      } catch (reason) {
        const error = answered.has(endpoint.registry) ? reason : finalWhereNothingListens(reason);
        if (isLadingError(error, 'UNREACHABLE')) schemes.forget(endpoint.registry);
        // The failure that ended the run is not this request's own.
        if (request.signal?.aborted) throw error;
        const other = form === request ? request.otherwise?.(error) : undefined;
        if (other !== undefined) {
          form = { ...request, ...other };
          continue;
        }
        if (attempt > retries || !isRetryable(error)) throw error;
        if (!isLast && isOutOfReach(error)) throw error;
        const delayMs = delayBefore(attempt, error);
        options.onRetry?.({ url: redactURL(url), attempt, delayMs, error });
        await wait(delayMs, request.signal);
        attempt += 1;
      }
    }
  }

  /** One exchange: the request, and once more when the registry wants to know who asks. */
  async function exchange(
    endpoint: Endpoint,
    request: RegistryRequest,
    base: URL,
    url: URL,
  ): Promise<TransportResponse> {
    const { signal } = request;
    const target: AuthTarget = {
      origin: base,
      registry: endpoint.registry,
      repository: repositoryAt(request.repository, endpoint),
      scopes: scopesAt(request.scopes, request.repository, endpoint),
      insecure: endpoint.insecure,
      request: { method: request.method, uri: url.pathname + url.search },
    };
    // An upload may be sent to another host; our credentials may not.
    const isOwn = url.origin === base.origin;
    const first = isOwn
      ? await explained(authenticator.authorize(target, signal), request, target)
      : undefined;
    let authorization = first;
    let response = await sendFollowing(transport, messageFor(request, endpoint, url, first));
    answered.add(endpoint.registry);
    if (isOwn && response.url.origin === base.origin && isChallenge(response)) {
      const body = await readRefusal(response);
      authorization = await explained(authenticator.answer(target, response, first, signal), request, target);
      if (authorization === undefined) throw await refusal(request, target, { ...response, body }, first);
      response = await sendFollowing(transport, messageFor(request, endpoint, url, authorization));
    }
    observe(endpoint, response.headers);
    if (response.status >= 200 && response.status < 300) return response;
    const refused = { ...response, body: await readRefusal(response) };
    if (response.url.origin === base.origin) throw await refusal(request, target, refused, authorization);
    throw responseError(refused, `${request.what}, redirected to ${response.url.host}`);
  }

  function messageFor(
    { method, headers, body, answerTimeoutMs, expectedBytes, signal }: RegistryRequest,
    { registry, insecure }: Endpoint,
    url: URL,
    authorization: Authorization | undefined,
  ): FollowedRequest {
    return {
      method,
      url,
      registry,
      insecure,
      headers: {
        'user-agent': userAgent,
        // Digests are over the bytes as they are stored.
        'accept-encoding': 'identity',
        ...headers,
        ...(authorization === undefined ? {} : { authorization: authorization.header }),
      },
      body,
      answerTimeoutMs,
      expectedBytes,
      signal,
    };
  }

  async function refusal(
    { what, whenNotFound, hints }: RegistryRequest,
    target: AuthTarget,
    response: RefusedResponse,
    authorization: Authorization | undefined,
  ): Promise<RegistryError> {
    if (response.status === 404) return responseError(response, what, whenNotFound, hints);
    if (response.status !== 401 && response.status !== 403)
      return responseError(response, what, undefined, hints);
    const credential = authorization?.credential ?? (await authenticator.credentialFor(target));
    const { text } = parseErrorBody(response.body);
    const advice = credentialAdvice(response.status, target.registry, credential, text);
    return responseError(response, what, advice);
  }

  /** A token service's refusal tells neither what was asked for nor who asked. */
  async function explained<T>(work: Promise<T>, { what }: RegistryRequest, target: AuthTarget): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof RegistryError) || (error.status !== 401 && error.status !== 403)) throw error;
      const credential = await authenticator.credentialFor(target);
      throw error.restated({
        message: `${what}: ${error.message}`,
        advice: credentialAdvice(error.status, target.registry, credential),
      });
    }
  }

  function observe({ registry }: Endpoint, headers: Headers): void {
    for (const text of parseWarnings(headers)) {
      const warning = `${registry}: ${text}`;
      if (warned.has(warning) || warned.size >= MAX_WARNINGS) continue;
      warned.add(warning);
      options.onWarning?.(warning);
    }
    const limit = parseRateLimit(headers);
    if (limit !== undefined) options.onRateLimit?.({ registry, ...limit });
  }
}

function retriesFor({ retries, body }: RegistryRequest, fallback: number): number {
  return retries ?? (body === undefined ? fallback : 0);
}

/** A mirror is told whose content is meant. (containerd, "registry host namespace") */
function urlFor(
  { target, repository }: RegistryRequest,
  endpoint: Endpoint,
  base: URL,
  privateAddresses: boolean | undefined,
): URL {
  const url = targetURL(targetAt(target, repository, endpoint), base, privateAddresses);
  if (endpoint.mirrorOf !== undefined) url.searchParams.set('ns', endpoint.mirrorOf);
  return url;
}

/** What a host says by whose name or port nobody can be reached. */
const NOTHING_LISTENS = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
]);

/** Of a host that never answered, a refused connection is the answer: the requests of a run need not all repeat it. */
function finalWhereNothingListens(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.code !== 'UNREACHABLE') return error;
  return NOTHING_LISTENS.has(systemCode(error.cause) ?? '') ? error.restated({ isFinal: true }) : error;
}

/** A 401, or a 403 by which a token is said to allow too little. */
function isChallenge({ status, headers }: TransportResponse): boolean {
  if (status === 401) return true;
  return status === 403 && parseChallenges(headerLines(headers, 'www-authenticate')).length > 0;
}
