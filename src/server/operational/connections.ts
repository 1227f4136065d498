import type { Socket } from 'node:net';
import { addressOf, ClientCounts, shareOf } from './client.js';

export interface ConnectionsOptions {
  most: number;
  /** Percentage of connections that one address may use. */
  clientShare: number;
  /** Connections with a running request, as `peerOf` names them. */
  busy: () => ReadonlySet<string>;
}

/** The open connections; each address has a share of them. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Socket>();
  readonly #ofAddress = new ClientCounts();
  readonly #mostOfAddress: number;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#mostOfAddress = shareOf(options.most, options.clientShare);
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Admits or closes a connection. If all are in use, the oldest idle one of the address that has most is closed in
   * favour of an address that has fewer.
   */
  enter(socket: Socket): void {
    const address = addressOf(socket.remoteAddress);
    const own = this.#ofAddress.of(address);
    const isFull = this.#open.size >= this.#options.most;
    if (own >= this.#mostOfAddress || (isFull && !this.#givesWay(own))) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    this.#ofAddress.add(address);
    socket.once('close', () => {
      if (this.#open.delete(socket)) this.#ofAddress.remove(address);
    });
  }

  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #givesWay(own: number): boolean {
    const [heaviest, most] = [...this.#ofAddress].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
    if (most <= own + 1) return false;
    const busy = this.#options.busy();
    for (const socket of this.#open) {
      if (addressOf(socket.remoteAddress) !== heaviest || busy.has(peerOf(socket))) continue;
      this.#open.delete(socket);
      this.#ofAddress.remove(heaviest);
      socket.destroy();
      return true;
    }
    return false;
  }
}

/** Names the peer of a connection; the name is the same for a TLS connection and the TCP one below it. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
