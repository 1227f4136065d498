import { isRegistry } from '../../content/reference.js';
import { RegistryError } from '../../errors.js';
import { type Headers, headerLines } from '../http/headers.js';
import { hostnameOf, isLoopback, leadsInside } from '../origin.js';
import { V1_HEADER } from './protocol.js';

/** More than any index ever named; each may be asked for each image. */
const MAX_ENDPOINTS = 8;

/**
 * The registries that an index names as those that keep a repository, to be spoken to as the index is: they get
 * the token that it gave, so that none may be in clear behind an https index, nor at an address of a private
 * network where the index is in none. Rejects with `DENIED`; empty where none is named.
 */
export function endpointsOf(headers: Headers, index: URL, plainHTTP: boolean): URL[] {
  const named = headerLines(headers, V1_HEADER.endpoints)
    .flatMap((line) => line.split(','))
    .map((host) => host.trim())
    .filter((host) => host !== '');
  return [...new Set(named)].slice(0, MAX_ENDPOINTS).map((host) => endpointURL(host, index, plainHTTP));
}

function endpointURL(host: string, index: URL, plainHTTP: boolean): URL {
  if (!isRegistry(host) || !URL.canParse(`${index.protocol}//${host}`))
    throw refused(host, index, 'it is not HOST[:PORT]');
  const endpoint = new URL(`${index.protocol}//${host}`);
  const hostname = hostnameOf(endpoint);
  // An http index on loopback was not chosen with `plainHTTP`: only its own machine is as safe.
  if (index.protocol === 'http:' && !plainHTTP && hostname !== hostnameOf(index) && !isLoopback(hostname))
    throw refused(host, index, 'it would be spoken to in clear');
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
