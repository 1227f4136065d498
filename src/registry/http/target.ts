import { RegistryError, redactURL } from '../../errors.js';
import { leadsInside, upgrade } from '../origin.js';

const INSIDE = 'it is an address of a private network or this machine';

/**
 * The URL of a request to the registry at `base`: a path on it, or the place that it named for an upload, which
 * may be on another host. Rejects with `REGISTRY` a place in clear text for a registry that has TLS, and an
 * address of this machine or a private network where the registry is in neither; of a private network only where
 * `privateAddresses` does not allow it.
 */
export function targetURL(target: string, base: URL, privateAddresses = false): URL {
  if (!URL.canParse(target, base.href)) throw refused(base, target, 'it is not a URL');
  const url = new URL(target, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw refused(base, target, 'it is neither http nor https');
  url.username = '';
  url.password = '';
  url.hash = '';
  upgrade(url, base);
  if (url.origin === base.origin) return url;
  if (base.protocol === 'https:' && url.protocol === 'http:') throw refused(base, target, 'it is not https');
  if (leadsInside(url, base, privateAddresses)) throw refused(base, target, INSIDE);
  return url;
}

function refused(base: URL, target: string, reason: string): RegistryError {
  return new RegistryError(
    'REGISTRY',
    `${base.host} names ${redactURL(target)} as the place of an upload, which is not used: ${reason}`,
    reason === INSIDE
      ? {
          hint: 'Ask the owner of the registry to correct the address it gives to its clients, or allow it.',
          remedy: 'privateAddresses',
        }
      : { hint: 'Ask the owner of the registry to correct the address it gives to its clients.' },
  );
}
