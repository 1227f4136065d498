import { lookup as lookUp } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { RegistryError } from '../../errors.js';
import { hostnameOf, hostOf, isLoopback, isPrivateAddress, leadsInside } from '../origin.js';

/** Resolves a host name to its addresses. */
export type Lookup = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

/**
 * Rules for requests to a URL that comes from an image's content rather than from its registry, so that anybody may
 * have written it. No client certificate is sent, and addresses of this machine or of private networks are allowed only
 * if the registry itself is at such an address.
 */
export interface Guest {
  /** Identifies the guest: connections are not shared between guests. */
  readonly id: string;
  /** Whether requests to the host of this URL are allowed. */
  allows(url: URL): boolean;
  /** Resolves names for connections; fails for a name that has an address to which requests are not allowed. */
  readonly lookup: LookupFunction;
}

export interface GuestOptions {
  privateAddresses?: boolean | undefined;
  /** Default: the system's resolver. */
  lookup?: Lookup | undefined;
}

const bySystem: Lookup = (hostname) => lookUp(hostname, { all: true });

/**
 * Returns the rules for URLs in images of `registry` (`HOST[:PORT]`). If the registry's name cannot be resolved here, a
 * proxy will do it, and it counts as public.
 */
export async function guestOf(
  registry: string,
  { privateAddresses, lookup = bySystem }: GuestOptions = {},
): Promise<Guest> {
  const home = new URL(`https://${hostOf(registry)}`);
  const isInside = await standsInside(hostnameOf(home), lookup);
  const allows = (url: URL): boolean =>
    isInside || hostnameOf(url) === hostnameOf(home) || !leadsInside(url, home, privateAddresses);
  return {
    id: `guest of ${registry}`,
    allows,
    lookup(hostname, options, callback) {
      const checked = async () => {
        const found = await lookup(hostname);
        const refused = found.find(({ address }) => hostname !== hostnameOf(home) && !allows(urlOf(address)));
        if (refused === undefined) return [...found];
        throw new RegistryError(
          'REGISTRY',
          `${hostname} has the address ${refused.address}, to which an image of ${registry} may not refer`,
          { remedy: 'privateAddresses' },
        );
      };
      checked().then(
        (found) => {
          const [first] = found;
          if (options.all) callback(null, found);
          else callback(null, first?.address ?? '', first?.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      );
    },
  };
}

async function standsInside(hostname: string, lookup: Lookup): Promise<boolean> {
  if (isIP(hostname) > 0 || isLoopback(hostname)) return isLoopback(hostname) || isPrivateAddress(hostname);
  try {
    return (await lookup(hostname)).some(({ address }) => isPrivateAddress(address));
  } catch (error) {
    if (error instanceof Error) return false; // this machine cannot resolve it
    throw error;
  }
}

function urlOf(address: string): URL {
  return new URL(isIP(address) === 6 ? `http://[${address}]` : `http://${address}`);
}
