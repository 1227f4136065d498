import { setMaxListeners } from 'node:events';
import { isRegistry } from '../../content/reference.js';
import { isLadingError, RegistryError, redactURL, systemCode } from '../../errors.js';
import { delayBefore, isRetryable } from '../../retry.js';
import type { Authenticator, Authorization, AuthTarget } from '../auth/auth.js';
import { parseChallenges } from '../auth/challenge.js';
import { credentialAdvice } from '../auth/credential.js';
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
import { notARegistry } from '../repository.js';
import { wait as waitByTimer } from './abort.js';
import { type AnsweredRequest, contentOf, isPull } from './answered-request.js';
import { readRefusal } from './encoded-body.js';
import { type Headers, headerLines, parseRateLimit, parseWarnings, type RateLimit } from './headers.js';
import { abortedError } from './network-error.js';
import type { Pace } from './pace.js';
import type { PullLimits } from './pull-limits.js';
import { type FollowedRequest, sendFollowing } from './redirect.js';
import { isSmall, type RegistryRequest } from './registry-request.js';
import type { TransportResponse } from './response.js';
import { parseErrorBody, type RefusedResponse, responseError } from './response-error.js';
import type { Schemes } from './scheme.js';
import { Shortcuts } from './shortcuts.js';
import { targetURL } from './target.js';
import type { Transport } from './transport.js';

/** Reported before a request is retried. */
export interface RetryEvent {
  /** The URL without secrets. */
  url: string;
  /** 1 for the first retry. */
  attempt: number;
  delayMs: number;
  error: unknown;
}

/** Makes the authorization of a request, both before the request and after a 401. */
export type RequestAuthenticator = Pick<Authenticator, 'authorize' | 'answer' | 'credentialFor'>;

export interface RequesterOptions {
  transport: Transport;
  authenticator: RequestAuthenticator;
  schemes: Schemes;
  pace: Pace;
  userAgent: string;
  retries: number;
  mirrors: MirrorNames;
  registriesConf?: RegistriesConf | undefined;
  /** Whether a registry on a public network may refer to addresses of private networks. */
  privateAddresses?: boolean | undefined;
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  onRetry?: ((event: RetryEvent) => void) | undefined;
  onWarning?: ((text: string) => void) | undefined;
  onRateLimit?: ((limit: RateLimit & { registry: string }) => void) | undefined;
  onRequest?: ((request: AnsweredRequest) => void) | undefined;
  /** Waits where a registry has no pulls left; default: refusals are errors. */
  pulls?: PullLimits | undefined;
}

/** Maximum number of registries' warnings that are reported in a run. */
const MAX_WARNINGS = 100;

/** Reads a successful response; if it fails, the request has failed and may be retried. */
type Consume<T> = (response: TransportResponse, from: Endpoint) => Promise<T>;

/**
 * Makes a request, with mirrors, retries, authentication and redirects, and passes the successful response to
 * `consume`. Either this function or its caller retries a request, never both.
 */
export type Requester = <T>(request: RegistryRequest, consume: Consume<T>) => Promise<T>;

const LISTS: AskingOrder = 'registry, mirrors if out of reach';

export function createRequester(options: RequesterOptions): Requester {
  const { transport, authenticator, schemes, userAgent, pace, wait = waitByTimer } = options;
  const endpoints = new Endpoints(options.mirrors, options.onWarning, options.registriesConf);
  /** Registries that have answered. For them, a refused connection may be temporary. */
  const answered = new Set<string>();
  const warned = new Set<string>();
  const shortcuts = new Shortcuts();

  return async (request, consume) => {
    // One signal is shared by all requests of a run; Node.js would report its many listeners as a leak.
    if (request.signal !== undefined) setMaxListeners(0, request.signal);
    if (!isRegistry(request.registry)) throw notARegistry(request.registry);
    const failures: { endpoint: Endpoint; error: unknown }[] = [];
    const inOrder = endpoints.inOrder(request);
    const [registry] = inOrder;
    // A registry that has answered before can be reached, so its mirrors are not needed.
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
    // A mirror is not retried if another endpoint can be asked.
    const retries = isLast || endpoint.mirrorOf === undefined ? retriesFor(request, options.retries) : 0;
    let form = request;
    for (let attempt = 1; ; ) {
      if (request.signal?.aborted) throw abortedError(request.signal);
      const base = await schemes.baseURL(endpoint.registry, request.signal, endpoint.insecure);
      const url = urlFor(form, endpoint, base, options.privateAddresses);
      try {
        await options.pulls?.turn(endpoint.registry, {
          isPull: isPull(form.method, form.target),
          signal: request.signal,
        });
        const ask = async (): Promise<T> => consume(await exchange(endpoint, form, base, url), endpoint);
        return await (isSmall(form) ? pace.run(endpoint.registry, ask, form.signal) : ask());
      } catch (reason) {
        const error = answered.has(endpoint.registry) ? reason : finalIfOutOfReach(reason, attempt);
        if (isLadingError(error, 'UNREACHABLE')) schemes.forget(endpoint.registry);
        // The failure that ended the run is more useful than the `ABORTED` of this request.
        if (request.signal?.aborted) throw error;
        const other = form === request ? request.otherwise?.(error) : undefined;
        if (other !== undefined) {
          form = { ...request, ...other };
          continue;
        }
        if (isRefusedPull(error) && options.pulls?.refused(endpoint.registry, error.retryAfterMs)) continue;
        if (attempt > retries || !isRetryable(error)) throw error;
        if (!isLast && isOutOfReach(error)) throw error;
        const delayMs = delayBefore(attempt, error);
        pace.failed(endpoint.registry, error, delayMs);
        options.onRetry?.({ url: redactURL(url), attempt, delayMs, error });
        await wait(delayMs, request.signal);
        attempt += 1;
      }
    }
  }

  /** Sends the request, and once more with credentials if the registry asks for them. */
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
    // An upload may go to another host, but the credentials must not.
    const isOwn = url.origin === base.origin;
    const first = isOwn
      ? await explained(authenticator.authorize(target, signal), request, target)
      : undefined;
    let authorization = first;
    let response = await send(request, endpoint, url, first);
    answered.add(endpoint.registry);
    if (isOwn && response.url.origin === base.origin && isChallenge(response)) {
      const body = await readRefusal(response);
      authorization = await explained(authenticator.answer(target, response, first, signal), request, target);
      if (authorization === undefined) throw await refusal(request, target, { ...response, body }, first);
      response = await send(request, endpoint, url, authorization);
    }
    observe(endpoint, response.headers);
    const { method, target: asked } = request;
    const { registry, mirrorOf: of = request.registry } = endpoint;
    options.onRequest?.({ registry, of, method, content: contentOf(asked), status: response.status });
    if (response.status < 400 && isPull(method, asked)) options.pulls?.answered(registry);
    if (response.status >= 200 && response.status < 300) return response;
    const refused = { ...response, body: await readRefusal(response) };
    if (response.url.origin === base.origin) throw await refusal(request, target, refused, authorization);
    throw responseError(refused, `${request.what}, redirected to ${response.url.host}`);
  }

  function send(
    request: RegistryRequest,
    endpoint: Endpoint,
    url: URL,
    authorization: Authorization | undefined,
  ): Promise<TransportResponse> {
    const message = messageFor(request, endpoint, url, authorization);
    return request.reusesRedirect ? shortcuts.send(transport, message) : sendFollowing(transport, message);
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
        // Digests are computed over the bytes as they are stored.
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

  /** Adds to a token service's refusal what was requested and with which credentials. */
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
    if (limit === undefined) return;
    options.pulls?.observe(registry, limit);
    options.onRateLimit?.({ registry, ...limit });
  }
}

function isRefusedPull(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.status === 429;
}

function retriesFor({ retries, body }: RegistryRequest, fallback: number): number {
  return retries ?? (body === undefined ? fallback : 0);
}

/** Adds `?ns=REGISTRY` to a request to a mirror. (containerd, "registry host namespace") */
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

/** Errors that mean that nothing listens at the address. */
const NOTHING_LISTENS = new Set([
  'ECONNREFUSED',
  'EAI_AGAIN',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
]);

/** Errors that mean that the address does not answer, each after `CONNECT_TIMEOUT_MS` or longer. */
const NO_ANSWER = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

/**
 * If a host has never answered, a refused connection is final, so that not every request of a run retries it; where a
 * firewall swallows everything, a second attempt is enough, since its first packets may have been lost.
 */
function finalIfOutOfReach(error: unknown, attempt: number): unknown {
  if (!(error instanceof RegistryError) || error.code !== 'UNREACHABLE') return error;
  const code = systemCode(error.cause) ?? '';
  const isFinal = NOTHING_LISTENS.has(code) || (NO_ANSWER.has(code) && attempt > 1);
  return isFinal ? error.restated({ isFinal }) : error;
}

/** Whether the registry asks for other credentials: a 401, or a 403 that says the token grants too little. */
function isChallenge({ status, headers }: TransportResponse): boolean {
  if (status === 401) return true;
  return status === 403 && parseChallenges(headerLines(headers, 'www-authenticate')).length > 0;
}
