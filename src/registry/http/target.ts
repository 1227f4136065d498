import { RegistryError, redactURL } from '../../errors.js';
import { leadsInside, upgrade } from '../origin.js';

const INSIDE = 'it is an address of a private network or this machine';

/**
 * Returns the URL of a request to the registry at `base`. `target` is a path on it, or the URL that it returned for an
 * upload, which may be on another host. Throws `REGISTRY` for http if the registry uses https, and for an address of
 * this machine or of a private network if the registry is not at one itself; `privateAddresses` allows those of private
 * networks.
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
