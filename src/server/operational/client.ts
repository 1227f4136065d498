import { isIPv6 } from 'node:net';

/**
 * Returns the client to whose share a request counts: the authenticated user, else the address. Of an IPv6 address,
 * only the first 64 bits count, because one customer gets such a network and may choose the rest. (RFC 6177)
 */
export function clientOf(user: string | undefined, remoteAddress: string | undefined): string {
  return user === undefined ? addressOf(remoteAddress) : `user ${user}`;
}

/** Returns the client for an address, whichever user authenticates from there. */
export function addressOf(remoteAddress = ''): string {
  const [address = ''] = remoteAddress.split('%', 1);
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? networkOf(address) : address;
}

function networkOf(address: string): string {
  const [head = '', tail = ''] = address.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::')
    ? Array.from({ length: 8 - before.length - after.length }, () => '0')
    : [];
  return `${[...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

/** Returns how many of `limit` places one client may use: `percent` of them, but at least one. */
export function shareOf(limit: number, percent: number): number {
  return Math.max(1, Math.ceil((limit * percent) / 100));
}

/** Counts items per client; clients with none are removed. */
export class ClientCounts {
  readonly #counts = new Map<string, number>();

  of(client: string): number {
    return this.#counts.get(client) ?? 0;
  }

  [Symbol.iterator](): IterableIterator<[string, number]> {
    return this.#counts.entries();
  }

  add(client: string): void {
    this.#counts.set(client, this.of(client) + 1);
  }

  remove(client: string): void {
    const left = this.of(client) - 1;
    if (left > 0) this.#counts.set(client, left);
    else this.#counts.delete(client);
  }
}
