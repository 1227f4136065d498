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
  /** On whose behalf: its certificates count for every hop. */
  registry?: string | undefined;
  /** Certificates of unknown authorities are allowed. */
  insecure?: boolean | undefined;
  /** Whose URL it is, where it is a stranger's. */
  guest?: Guest | undefined;
  headers: Record<string, string>;
  /** Opens the body, again for each hop. */
  body?: (() => RequestBody) | undefined;
  answerTimeoutMs?: number | undefined;
  /** Bytes of the response that is hoped for, at the end of the redirects. */
  expectedBytes?: number | undefined;
  signal?: AbortSignal | undefined;
}

const MAX_REDIRECTS = 10;
/** Headers that belong to the origin they were made for. */
const ORIGIN_BOUND = new Set(['authorization', 'cookie']);

/**
 * Sends a request and follows its redirects. What belongs to an origin is dropped as soon as scheme, host or
 * port change, and stays dropped even when a later hop comes back; https never becomes http.
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
      // A copy: undici notes the host in it when it asks through a proxy, which the next hop must not be told.
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
    if (next.origin !== url.origin) {
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => !ORIGIN_BOUND.has(name.toLowerCase())),
      );
    }
    url = next;
  }
}

/** A request with a body goes on only where the status says that it is to be repeated as it is. */
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
  // A registry on the network has no business with this machine's own services or the cloud's metadata, by way of
  // a private network neither.
  const isInside = isPrivateAddress(hostnameOf(asked)) || isLocalAddress(hostnameOf(asked));
  if (isLocalAddress(hostnameOf(target)) && !isInside) {
    throw refused(from, `a redirect to an address of this machine or its link, ${to}`);
  }
  target.username = '';
  target.password = '';
  return target;
}

function refused(from: URL, what: string): RegistryError {
  return new RegistryError('REGISTRY', `${redactURL(from)} answered with ${what}; it is not followed`);
}
