import type { Readable } from 'node:stream';
import { RegistryError, redactURL } from '../errors.js';
import { discard } from './http/body.js';
import { guestOf, type Lookup } from './http/guest.js';
import { sendFollowing } from './http/redirect.js';
import type { Transport } from './http/transport.js';
import { isFailureOfRange, rangeFrom, toStart } from './ranges.js';

export interface ForeignOptions {
  /** First byte to return; default 0. */
  start?: number | undefined;
  /** Size of the whole layer in bytes. */
  size: number;
  signal?: AbortSignal | undefined;
}

/**
 * Returns the bytes at a URL that a manifest gives for a layer, not verified. No credentials or client certificates are
 * sent. Throws `REGISTRY` if an image of a public registry refers to an address of this machine or of a private
 * network.
 */
export async function getForeign(
  { transport, userAgent, privateAddresses, lookup }: ForeignRequester,
  url: string,
  registry: string,
  { start = 0, size, signal }: ForeignOptions,
): Promise<Readable> {
  const target = parseTarget(url);
  const what = `foreign layer at ${redactURL(target)}`;
  const guest = await guestOf(registry, { privateAddresses, lookup });
  if (!guest.allows(target))
    throw new RegistryError(
      'REGISTRY',
      `${what}: an image of ${registry} may not refer to an address of a private network or of this machine`,
      {
        remedy: 'privateAddresses',
      },
    );
  try {
    return await ask(start);
  } catch (error) {
    if (start === 0 || !isFailureOfRange(error)) throw error;
    return ask(0);
  }

  /** Requests the bytes from `first`, and returns those from `start`. */
  async function ask(first: number): Promise<Readable> {
    const headers = { 'user-agent': userAgent, 'accept-encoding': 'identity', ...rangeFrom(first) };
    const response = await sendFollowing(transport, {
      method: 'GET',
      url: target,
      guest,
      headers,
      expectedBytes: size - first,
      signal,
    });
    const { status } = response;
    if (status < 200 || status > 299) {
      await discard(response.body);
      throw new RegistryError(codeOf(status), `${what}: the server answered with status ${status}`, {
        status,
      });
    }
    await toStart(response, start, size, what);
    return response.body;
  }
}

export interface ForeignRequester {
  transport: Transport;
  userAgent: string;
  privateAddresses?: boolean | undefined;
  lookup?: Lookup | undefined;
}

function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new RegistryError(
      'REGISTRY',
      `"${redactURL(text)}" is not a valid URL of a layer: it is neither http nor https`,
    );
  url.username = '';
  url.password = '';
  return url;
}

function codeOf(status: number): 'NOT_FOUND' | 'DENIED' | 'REGISTRY' {
  if (status === 404 || status === 410) return 'NOT_FOUND';
  return status === 401 || status === 403 ? 'DENIED' : 'REGISTRY';
}
