import { lookup as lookUp } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { RegistryError } from '../../errors.js';
import { hostnameOf, hostOf, isLoopback, isPrivateAddress, leadsInside } from '../origin.js';

/** The addresses of a host by its name. */
export type Lookup = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

/**
 * How a URL is asked that a stranger gave for an image of a registry: no client certificate is shown, and it leads to
 * this machine or into a private network only where the registry is there, too.
 */
export interface Guest {
  /** Tells guests apart: their connections are not shared. */
  readonly id: string;
  /** Whether the host of a URL, or an address that its name stands for, may be asked. */
  allows(url: URL): boolean;
  /** Looks up names for connections; rejects those that stand for an address that may not be asked. */
  readonly lookup: LookupFunction;
}

export interface GuestOptions {
  privateAddresses?: boolean | undefined;
  /** Default the system's. */
  lookup?: Lookup | undefined;
}

const bySystem: Lookup = (hostname) => lookUp(hostname, { all: true });

/** A guest of `registry`, `HOST[:PORT]`. A name that cannot be looked up here is a proxy's to look up. */
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
          `${hostname} is ${refused.address}: an image of ${registry} may not lead there`,
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
    if (error instanceof Error) return false; // not to be looked up here
    throw error;
  }
}

function urlOf(address: string): URL {
  return new URL(isIP(address) === 6 ? `http://[${address}]` : `http://${address}`);
}
