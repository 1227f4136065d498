import { setMaxListeners } from 'node:events';
import { isRegistry } from '../content/reference.js';
import { isLadingError, LadingError, RegistryError, redactURL } from '../errors.js';
import { delayBefore, isRetryable } from '../retry.js';
import { wait as waitByTimer } from './abort.js';
import type { Authenticator, Authorization, AuthTarget } from './auth.js';
import { readSome } from './body.js';
import { parseChallenges } from './challenge.js';
import type { Credential } from './credential.js';
import { type Headers, headerLines, parseRateLimit, parseWarnings, type RateLimit } from './headers.js';
import { abortedError } from './network-error.js';
import { type FollowedRequest, sendFollowing } from './redirect.js';
import { MAX_ERROR_BYTES, type RefusedResponse, responseError } from './response-error.js';
import type { Schemes } from './scheme.js';
import { targetURL } from './target.js';
import type { Method, RequestBody, Transport, TransportResponse } from './transport.js';

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
  notFoundHint?: string | undefined;
  /** What to do about a refusal, by the registry's code or by the status. */
  hints?: Readonly<Record<string, string>> | undefined;
  /** Who is asked in which order; default the registry only. A mirror may lack what the registry lists. */
  order?: 'mirrors first' | 'registry first' | 'registry only' | undefined;
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
  mirrors: Readonly<Record<string, readonly string[]>>;
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
  onRetry?: ((event: RetryEvent) => void) | undefined;
  onWarning?: ((text: string) => void) | undefined;
  onRateLimit?: ((limit: RateLimit & { registry: string }) => void) | undefined;
}

/**
 * Makes a request, with mirrors, repetitions, authentication and redirects, and gives the successful response
 * to `consume`, whose failure counts as one of the request.
 */
export type Requester = <T>(
  request: RegistryRequest,
  consume: (response: TransportResponse) => Promise<T>,
) => Promise<T>;

/** A registry or one of its mirrors. */
interface Endpoint {
  registry: string;
  mirrorOf?: string;
}

export function createRequester(options: RequesterOptions): Requester {
  const { transport, authenticator, schemes, userAgent, mirrors, wait = waitByTimer } = options;
  /** Mirrors that could not be reached: the run goes on without them. */
  const unreachable = new Set<string>();
  const warned = new Set<string>();

  return async (request, consume) => {
    // One signal ends all requests of a run; Node.js would take its many listeners for a leak.
    if (request.signal !== undefined) setMaxListeners(0, request.signal);
    if (!isRegistry(request.registry)) {
      throw new LadingError('INVALID_REFERENCE', `"${request.registry}" is not a registry's HOST[:PORT]`);
    }
    const endpoints = endpointsFor(request, mirrors).filter(
      ({ registry, mirrorOf }) => mirrorOf === undefined || !unreachable.has(registry),
    );
    let failure: unknown;
    for (const [index, endpoint] of endpoints.entries()) {
      const isLast = index === endpoints.length - 1;
      try {
        // Where another can be asked, nothing is asked twice.
        return await repeat(endpoint, request, consume, isLast ? retriesFor(request, options.retries) : 0);
      } catch (error) {
        if (isLadingError(error, 'ABORTED', 'USAGE')) throw error;
        const isMirror = endpoint.mirrorOf !== undefined;
        if (isMirror && isLadingError(error, 'UNREACHABLE')) unreachable.add(endpoint.registry);
        // What the registry itself says counts more than the words of its mirrors.
        if (!isMirror || failure === undefined) failure = error;
      }
    }
    throw failure;
  };

  async function repeat<T>(
    endpoint: Endpoint,
    request: RegistryRequest,
    consume: (response: TransportResponse) => Promise<T>,
    retries: number,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      if (request.signal?.aborted) throw abortedError(request.signal);
      const base = await schemes.baseURL(endpoint.registry, request.signal);
      const url = urlFor(request, endpoint, base);
      try {
        return await consume(await exchange(endpoint, request, base, url));
      } catch (error) {
        if (isLadingError(error, 'UNREACHABLE')) schemes.forget(endpoint.registry);
        // The failure that ended the run is not this request's own.
        if (attempt > retries || request.signal?.aborted || !isRetryable(error)) throw error;
        const delayMs = delayBefore(attempt, error);
        options.onRetry?.({ url: redactURL(url), attempt, delayMs, error });
        await wait(delayMs, request.signal);
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
    const { repository, scopes } = request;
    const target: AuthTarget = { origin: base, registry: endpoint.registry, repository, scopes };
    // An upload may be sent to another host; our credentials may not.
    const isOwn = url.origin === base.origin;
    const first = isOwn
      ? await explained(authenticator.authorize(target, signal), request, target)
      : undefined;
    let authorization = first;
    let response = await sendFollowing(transport, messageFor(request, url, first));
    if (isOwn && response.url.origin === base.origin && isChallenge(response)) {
      const body = await readSome(response.body, MAX_ERROR_BYTES);
      authorization = await explained(authenticator.answer(target, response, first, signal), request, target);
      if (authorization === undefined) throw await refusal(request, target, { ...response, body }, first);
      response = await sendFollowing(transport, messageFor(request, url, authorization));
    }
    observe(endpoint, response.headers);
    if (response.status >= 200 && response.status < 300) return response;
    const refused = { ...response, body: await readSome(response.body, MAX_ERROR_BYTES) };
    if (response.url.origin === base.origin) throw await refusal(request, target, refused, authorization);
    throw responseError(refused, `${request.what}, redirected to ${response.url.host}`);
  }

  function messageFor(
    { method, headers, body, answerTimeoutMs, expectedBytes, signal }: RegistryRequest,
    url: URL,
    authorization: Authorization | undefined,
  ): FollowedRequest {
    return {
      method,
      url,
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
    { what, notFoundHint, hints }: RegistryRequest,
    target: AuthTarget,
    response: RefusedResponse,
    authorization: Authorization | undefined,
  ): Promise<RegistryError> {
    if (response.status === 404) return responseError(response, what, notFoundHint, hints);
    if (response.status !== 401 && response.status !== 403)
      return responseError(response, what, undefined, hints);
    const credential = authorization?.credential ?? (await authenticator.credentialFor(target));
    return responseError(response, what, credentialHint(response.status, target.registry, credential));
  }

  /** A token service's refusal tells neither what was asked for nor who asked. */
  async function explained<T>(work: Promise<T>, { what }: RegistryRequest, target: AuthTarget): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (!(error instanceof RegistryError) || (error.status !== 401 && error.status !== 403)) throw error;
      const credential = await authenticator.credentialFor(target);
      throw new RegistryError(error.code, `${what}: ${error.message}`, {
        status: error.status,
        registryCodes: error.registryCodes,
        cause: error,
        hint: credentialHint(error.status, target.registry, credential),
      });
    }
  }

  function observe({ registry }: Endpoint, headers: Headers): void {
    for (const text of parseWarnings(headers)) {
      const warning = `${registry}: ${text}`;
      if (!warned.has(warning)) options.onWarning?.(warning);
      warned.add(warning);
    }
    const limit = parseRateLimit(headers);
    if (limit !== undefined) options.onRateLimit?.({ registry, ...limit });
  }
}

function endpointsFor(
  { registry, order = 'registry only' }: RegistryRequest,
  mirrors: RequesterOptions['mirrors'],
): Endpoint[] {
  const own: Endpoint = { registry };
  const named = Object.hasOwn(mirrors, registry) ? (mirrors[registry] ?? []) : [];
  const others = named.map((mirror) => ({ registry: mirror, mirrorOf: registry }));
  if (order === 'registry only') return [own];
  return order === 'mirrors first' ? [...others, own] : [own, ...others];
}

function retriesFor({ retries, body }: RegistryRequest, fallback: number): number {
  return retries ?? (body === undefined ? fallback : 0);
}

/** A mirror is told whose content is meant. (containerd, "registry host namespace") */
function urlFor({ target }: RegistryRequest, { mirrorOf }: Endpoint, base: URL): URL {
  const url = targetURL(target, base);
  if (mirrorOf !== undefined) url.searchParams.set('ns', mirrorOf);
  return url;
}

/** A 401, or a 403 by which a token is said to allow too little. */
function isChallenge({ status, headers }: TransportResponse): boolean {
  if (status === 401) return true;
  return status === 403 && parseChallenges(headerLines(headers, 'www-authenticate')).length > 0;
}

function credentialHint(
  status: number | undefined,
  registry: string,
  credential: Credential | undefined,
): string {
  if (credential === undefined) {
    return `lading found no credentials for ${registry}; log in with lading login, or pass --creds / --authfile. The repository may also not exist.`;
  }
  const who = `The credentials for ${registry} from ${credential.source}`;
  return status === 403
    ? `${who} do not allow this; ask the owner of the repository for access.`
    : `${who} were refused; log in again, or check that they may read this repository.`;
}
