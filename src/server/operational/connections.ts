import type { Socket } from 'node:net';
import { addressOf, ClientCounts, shareOf } from './client.js';

export interface ConnectionsOptions {
  most: number;
  /** Percent of them that one address may have. */
  clientShare: number;
  /** Connections on which a request is under way, as `peerOf` names them. */
  busy: () => ReadonlySet<string>;
}

/** The open connections, of which one address has a share. */
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
   * Takes a connection up, or ends it. Where there are as many as may be, the oldest one on which nothing is under way,
   * of the address that has most, gives way to an address that has fewer.
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

/** The other end of a connection: the same for a connection with TLS and the one below it. */
export function peerOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
