import { Refusal } from './errors.js';

/** What a connection reads a file through. Twice as much serves hardly faster, half as much a third slower. */
const BUFFER_BYTES = 256 * 1024;
/** The same where there is no memory for more. */
const SMALL_BUFFER_BYTES = 16 * 1024;
/** Bodies of at most so many bytes are not counted: what the requests under way can have of them is little. */
export const UNCOUNTED_BYTES = 64 * 1024;

interface Holding {
  client: string;
  bytes: number;
  /** Ends the request. */
  giveUp: () => void;
  /** What others may be sent too: it takes its memory once. */
  body: Buffer | undefined;
}

/** Memory that the body of one request holds. */
export interface Held {
  /** Told of bytes more; throws the refusal where there is no room for them. */
  grow(bytes: number): void;
  release(): void;
}

/** A buffer for one answer to be read through. */
export interface LentBuffer {
  buffer: Buffer;
  release(): void;
}

/**
 * The memory that bodies take while they are on their way to or from clients that may be slow, of all connections
 * together: half of it for the buffers that files are read through, which are smaller where it is used up, and half for
 * bodies that have to be in memory as a whole. Where there is no room for such a body, the client that holds most loses
 * its oldest one, if it holds more than the one who needs the room would; else there is a 503.
 */
export class HeldMemory {
  readonly #most: number;
  readonly #holdings = new Set<Holding>();
  /** How many answers each body is sent in. */
  readonly #bodies = new Map<Buffer, number>();
  #held = 0;
  #lent = 0;

  /** `most` is in bytes. */
  constructor(most: number) {
    this.#most = most / 2;
  }

  /** A buffer for a body of `size` bytes. */
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

  /** Room for a body that comes piece by piece; `giveUp` ends its request when another one needs the room more. */
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

  /** Room for a body that is whole; throws the refusal where there is none. It is released by what is returned. */
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
  return new Refusal('UNAVAILABLE', 'too much is on its way to other clients', {
    headers: { 'Retry-After': '1' },
  });
}
