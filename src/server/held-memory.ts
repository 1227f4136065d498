import { Refusal } from './errors.js';

/**
 * Size of the buffer through which a connection reads a file. Twice as much is hardly faster, half is a third slower.
 */
const BUFFER_BYTES = 256 * 1024;
/** Size of that buffer when memory is used up. */
const SMALL_BUFFER_BYTES = 16 * 1024;
/** Bodies of up to this size are not counted: the concurrent requests can hold only little memory in them. */
export const UNCOUNTED_BYTES = 64 * 1024;

interface Holding {
  client: string;
  bytes: number;
  /** Aborts the request. */
  giveUp: () => void;
  /** A buffer that several answers may share; it is counted once. */
  body: Buffer | undefined;
}

/** Memory that the body of one request uses. */
export interface Held {
  /** Adds bytes; throws a `Refusal` if there is no memory for them. */
  grow(bytes: number): void;
  release(): void;
}

/** A buffer through which one answer is read. */
export interface LentBuffer {
  buffer: Buffer;
  release(): void;
}

/**
 * Limits the memory for bodies that are being sent or received, of all connections together, since clients may be slow.
 * Half of it is for the buffers through which files are read; when it is used up, they get smaller. The other half is
 * for bodies that have to be in memory as a whole. If there is no room for one, the client that holds most loses its
 * oldest body, provided it holds more than the new client would; otherwise the request gets a 503.
 */
export class HeldMemory {
  readonly #most: number;
  readonly #holdings = new Set<Holding>();
  /** The number of answers that share each body. */
  readonly #bodies = new Map<Buffer, number>();
  #held = 0;
  #lent = 0;

  /** `most` is the limit in bytes. */
  constructor(most: number) {
    this.#most = most / 2;
  }

  /** Lends a buffer for a body of `size` bytes. */
  lend(size: number): LentBuffer {
    const wanted = Math.min(size, BUFFER_BYTES);
    const length = this.#lent + wanted > this.#most ? Math.min(size, SMALL_BUFFER_BYTES) : wanted;
    this.#lent += length;
    return {
      buffer: Buffer.allocUnsafeSlow(length),
      release: () => {
        this.#lent -= length;
      },
    };
  }

  /** Counts a body that arrives in parts; `giveUp` aborts its request when its memory is needed for another client. */
  hold(client: string, giveUp: () => void): Held {
    const holding: Holding = { client, bytes: 0, giveUp, body: undefined };
    this.#holdings.add(holding);
    let seen = 0;
    return {
      grow: (bytes) => {
        seen += bytes;
        if (seen <= UNCOUNTED_BYTES || !this.#holdings.has(holding)) return;
        const added = seen - holding.bytes;
        this.#makeRoom(holding, added);
        holding.bytes = seen;
        this.#held += added;
      },
      release: () => this.#release(holding),
    };
  }

  /**
   * Counts a whole body; throws a `Refusal` if there is no memory for it. The function that is returned releases it.
   */
  holdBody(client: string, body: Buffer, giveUp: () => void): () => void {
    if (body.length <= UNCOUNTED_BYTES) return () => undefined;
    const users = this.#bodies.get(body) ?? 0;
    const holding: Holding = { client, bytes: body.length, giveUp, body };
    if (users === 0) {
      this.#makeRoom(holding, body.length);
      this.#held += body.length;
    }
    this.#bodies.set(body, users + 1);
    this.#holdings.add(holding);
    return () => this.#release(holding);
  }

  #release(holding: Holding): void {
    if (!this.#holdings.delete(holding)) return;
    const { body, bytes } = holding;
    if (body === undefined) {
      this.#held -= bytes;
      return;
    }
    const users = (this.#bodies.get(body) ?? 1) - 1;
    if (users > 0) this.#bodies.set(body, users);
    else {
      this.#bodies.delete(body);
      this.#held -= bytes;
    }
  }

  #makeRoom(needing: Holding, bytes: number): void {
    while (this.#held + bytes > this.#most) {
      const ofClient = new Map<string, number>();
      for (const { client, bytes: held } of this.#holdings)
        ofClient.set(client, (ofClient.get(client) ?? 0) + held);
      const own = (ofClient.get(needing.client) ?? 0) + bytes;
      const [heaviest, most] = [...ofClient].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
      const oldest = [...this.#holdings].find((each) => each.client === heaviest && each.bytes > 0);
      if (oldest === undefined || most <= own) throw noRoom();
      this.#release(oldest);
      oldest.giveUp();
    }
  }
}

function noRoom(): Refusal {
  return new Refusal('UNAVAILABLE', 'the memory for bodies is in use by other requests', {
    headers: { 'Retry-After': '1' },
  });
}
