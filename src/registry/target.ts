import { RegistryError, redactURL } from '../errors.js';
import { leadsInside } from './origin.js';

/**
 * The URL of a request to the registry at `base`: a path on it, or the place that it named for an upload, which
 * may be on another host. Rejects with `REGISTRY` a place in clear text for a registry that has TLS, and an
 * address of this machine or a private network where the registry is in neither.
 */
export function targetURL(target: string, base: URL): URL {
  if (!URL.canParse(target, base.href)) throw refused(base, target, 'it is not a URL');
  const url = new URL(target, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refused(base, target, 'it is neither http nor https');
  url.username = '';
  url.password = '';
  url.hash = '';
  if (namesItselfByHTTP(url, base)) {
    url.protocol = base.protocol;
    url.port = base.port;
  }
  if (url.origin === base.origin) return url;
  if (base.protocol === 'https:' && url.protocol === 'http:') throw refused(base, target, 'it is not https');
  if (leadsInside(url, base))
    throw refused(base, target, 'it is an address of a private network or this machine');
  return url;
}

/** A registry behind a proxy that ends TLS does not always know of it, and names itself by http. */
function namesItselfByHTTP(url: URL, base: URL): boolean {
  return (
    url.protocol === 'http:' &&
    base.protocol === 'https:' &&
    url.hostname === base.hostname &&
    (url.port === '' || url.port === base.port)
  );
}

function refused(base: URL, target: string, reason: string): RegistryError {
  return new RegistryError(
    'REGISTRY',
    `${base.host} names ${redactURL(target)} as the place of an upload, which is not used: ${reason}`,
    { hint: 'Ask the owner of the registry to correct the address it gives to its clients.' },
  );
}
