import { RegistryError, redactURL } from '../../errors.js';
import { hostnameOf, isLoopback, leadsInside, upgrade } from '../origin.js';

export interface RealmOptions {
  /** Whether the user chose http, so that token services may be asked by it too. */
  plainHTTP?: boolean | undefined;
  /** Whether the user allows addresses of private networks. */
  privateAddresses?: boolean | undefined;
}

const INSIDE = 'it is an address of a private network or this machine';

/**
 * The token service that a registry names, if credentials may be sent there: over https unless the registry
 * itself is reached by http, and not at an address of a private network unless the registry is in one.
 * Another host is legal: Docker Hub's is `auth.docker.io`. Rejects with `DENIED`.
 */
export function checkRealm(
  realm: string,
  registry: URL,
  { plainHTTP = false, privateAddresses = false }: RealmOptions = {},
): URL {
  if (!URL.canParse(realm)) throw refused(registry, realm, 'it is not a URL');
  const url = new URL(realm);
  upgrade(url, registry);
  const host = hostnameOf(url);
  const registryHost = hostnameOf(registry);
  if (url.protocol === 'http:') {
    if (registry.protocol !== 'http:') throw refused(registry, realm, 'it is not https');
    // An http registry on loopback was not chosen with `plainHTTP`: only its own machine is as safe.
    if (!plainHTTP && !isLoopback(host) && host !== registryHost)
      throw refused(registry, realm, 'it is not https');
  } else if (url.protocol !== 'https:') {
    throw refused(registry, realm, 'it is neither https nor http');
  }
  if (leadsInside(url, registry, privateAddresses)) throw refused(registry, realm, INSIDE);
  url.username = '';
  url.password = '';
  url.hash = '';
  return url;
}

function refused(registry: URL, realm: string, reason: string): RegistryError {
  return new RegistryError(
    'DENIED',
    `${registry.host} names the token service ${redactURL(realm)}, which is not asked: ${reason}`,
    reason === INSIDE
      ? {
          hint: 'Ask the owner of the registry to correct its token service ("realm"), or allow it.',
          remedy: 'privateAddresses',
        }
      : { hint: 'Ask the owner of the registry to correct its token service ("realm").' },
  );
}
