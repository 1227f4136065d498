import { isRegistry } from '../../content/reference.js';
import { RegistryError } from '../../errors.js';
import { type Headers, headerLines } from '../http/headers.js';
import { hostnameOf, isLoopback, leadsInside } from '../origin.js';
import { V1_HEADER } from './protocol.js';

/** More than any index is known to name. Each may be asked for each image. */
const MAX_ENDPOINTS = 8;

/**
 * Returns the registries that have a repository, as its index says; empty if it names none. They are contacted with the
 * index's scheme because they get its token, so they must not use http if the index uses https, nor be at an address of
 * a private network unless the index is at one. Throws `DENIED`.
 */
export function endpointsOf(headers: Headers, index: URL, plainHTTP: boolean): URL[] {
  const named = headerLines(headers, V1_HEADER.endpoints)
    .flatMap((line) => line.split(','))
    .map((host) => host.trim())
    .filter((host) => host !== '');
  return [...new Set(named)].slice(0, MAX_ENDPOINTS).map((host) => endpointURL(host, index, plainHTTP));
}

function endpointURL(host: string, index: URL, plainHTTP: boolean): URL {
  if (!isRegistry(host)) throw refused(host, index, 'it is not of the form HOST[:PORT]');
  const endpoint = new URL(`${index.protocol}//${host}`);
  const hostname = hostnameOf(endpoint);
  // http was used because the index is on loopback, not because of `plainHTTP`: only other services of the same machine
  // are as safe.
  if (index.protocol === 'http:' && !plainHTTP && hostname !== hostnameOf(index) && !isLoopback(hostname))
    throw refused(host, index, 'the token would be sent over http');
  if (leadsInside(endpoint, index))
    throw refused(host, index, 'it is an address of a private network or this machine');
  return endpoint;
}

function refused(host: string, index: URL, reason: string): RegistryError {
  return new RegistryError(
    'DENIED',
    `the index ${index.host} names the registry "${host}", which is not asked: ${reason}`,
    { hint: 'Ask the owner of the index to correct the addresses it gives to its clients.' },
  );
}
