import { RegistryError, redactURL } from '../../errors.js';
import { hostnameOf, isLoopback, leadsInside, upgrade } from '../origin.js';

export interface RealmOptions {
  /** Whether the user chose http, which is then allowed for token services too. */
  plainHTTP?: boolean | undefined;
  /** Whether the user allows addresses of private networks. */
  privateAddresses?: boolean | undefined;
}

const INSIDE = 'it is an address of a private network or this machine';

/**
 * Returns the token service of a registry if credentials may be sent there: it must use https unless the registry
 * itself uses http, and must not be at an address of a private network unless the registry is at one. It may be on
 * another host, such as Docker Hub's `auth.docker.io`. Throws `DENIED`.
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
    // http was used because the registry is on loopback, not because of `plainHTTP`: only other services of the same
    // machine are as safe.
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
