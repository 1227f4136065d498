import { RegistryError, redactURL } from '../../errors.js';
import { hostnameOf, isLocalAddress, isPrivateAddress, upgrade } from '../origin.js';
import { discard } from './body.js';
import type { Guest } from './guest.js';
import { header } from './headers.js';
import type { TransportResponse } from './response.js';
import type { Method, RequestBody, Transport } from './transport.js';

export interface FollowedRequest {
  method: Method;
  url: URL;
  /** The registry on whose behalf the request is sent; its certificates are used for every hop. */
  registry?: string | undefined;
  /** Whether certificates of unknown authorities are accepted. */
  insecure?: boolean | undefined;
  /** Set if the URL comes from an image's content. */
  guest?: Guest | undefined;
  headers: Record<string, string>;
  /** Opens the body; called again for each hop. */
  body?: (() => RequestBody) | undefined;
  answerTimeoutMs?: number | undefined;
  /** Expected size of the final response in bytes. */
  expectedBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 10;
/** Headers that must not be sent to another origin. */
const ORIGIN_BOUND = new Set(['authorization', 'cookie']);

/**
 * Sends a request and follows its redirects. Credentials and cookies are dropped as soon as scheme, host or port
 * change, and stay dropped even if a later hop comes back. A redirect from https to http is refused. Throws `REGISTRY`
 * for a redirect that is not followed.
 */
export async function sendFollowing(
  transport: Transport,
  request: FollowedRequest,
  maxRedirects = MAX_REDIRECTS,
): Promise<TransportResponse> {
  const { method, registry, insecure, guest, body, answerTimeoutMs, expectedBytes, signal } = request;
  let { url, headers } = request;
  for (let hop = 0; ; hop += 1) {
    const response = await transport.send({
      method,
      url,
      registry,
      insecure,
      guest,
      // A copy, because undici adds the host to it when it uses a proxy, and the next hop must not get that.
      headers: { ...headers },
      body: body?.(),
      answerTimeoutMs,
      expectedBytes,
      signal,
    });
    const location = header(response.headers, 'location');
    if (location === undefined || !isFollowed(response.status, method)) return response;
    await discard(response.body);
    if (hop >= maxRedirects) throw refused(url, `more than ${maxRedirects} redirects`);
    const next = redirectTarget(location, url, request.url);
    if (guest?.allows(next) === false)
      throw refused(url, `a redirect to ${redactURL(next)}, an address of a private network or this machine`);
    if (next.origin !== url.origin) headers = withoutBound(headers);
    url = next;
  }
}

/** Returns the headers that may be sent to any origin: without credentials and cookies. */
export function withoutBound(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !ORIGIN_BOUND.has(name.toLowerCase())),
  );
}

/**
 * Whether to follow a redirect. A request with a body is repeated only for 307 and 308, which say that method and body
 * stay the same.
 */
function isFollowed(status: number, method: Method): boolean {
  if (status === 307 || status === 308) return true;
  return (status === 301 || status === 302 || status === 303) && (method === 'GET' || method === 'HEAD');
}

function redirectTarget(location: string, from: URL, asked: URL): URL {
  if (!URL.canParse(location, from.href)) throw refused(from, 'a redirect that is not a URL');
  const target = new URL(location, from);
  upgrade(target, from);
  const to = redactURL(target);
  if (target.protocol !== 'https:' && target.protocol !== 'http:') {
    throw refused(from, `a redirect to ${to}, which is neither http nor https`);
  }
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw refused(from, `a redirect from https to http, ${to}`);
  }
  // A registry on a public network must not reach services of this machine or a cloud's metadata service, not even by
  // way of a host on a private network.
  const isInside = isPrivateAddress(hostnameOf(asked)) || isLocalAddress(hostnameOf(asked));
  if (isLocalAddress(hostnameOf(target)) && !isInside) {
    throw refused(from, `a redirect to ${to}, an address of this machine or of its local link`);
  }
  target.username = '';
  target.password = '';
  return target;
}

function refused(from: URL, what: string): RegistryError {
  return new RegistryError('REGISTRY', `${redactURL(from)} answered with ${what}; it is not followed`);
}
