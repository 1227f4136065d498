import type { Readable } from 'node:stream';

/** Reads a stream of bytes in pieces of any size. */
export class ByteSource {
  readonly #stream: Readable;
  readonly #chunks: AsyncIterator<unknown>;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #received = 0;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Bytes received from the stream so far, including those that nobody has read yet. */
  get received(): number {
    return this.#received;
  }

  /** Returns the next bytes as they arrive, never an empty buffer; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const held = this.#held.shift();
    if (held === undefined) return this.#receive();
    this.#heldBytes -= held.length;
    return held;
  }

  /** Puts bytes back; they are read next. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held.unshift(bytes);
    this.#heldBytes += bytes.length;
  }

  /** Returns exactly `length` bytes, or fewer if the stream ends before. */
  async take(length: number): Promise<Buffer> {
    while (this.#heldBytes < length) {
      const chunk = await this.#receive();
      if (chunk === undefined) break;
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
    }
    const first = this.#held[0];
    const all = first !== undefined && first.length >= length ? first : Buffer.concat(this.#held);
    if (all !== first) this.#held = all.length === 0 ? [] : [all];
    const taken = all.subarray(0, length);
    const rest = all.subarray(length);
    this.#held.splice(0, 1, ...(rest.length === 0 ? [] : [rest]));
    this.#heldBytes -= taken.length;
    return taken;
  }

  destroy(): void {
    this.#stream.destroy();
  }

  async #receive(): Promise<Buffer | undefined> {
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      if (!(value instanceof Uint8Array)) throw new TypeError('only a stream of bytes can be read');
      if (value.length === 0) continue;
      this.#received += value.length;
      return Buffer.from(value.buffer, value.byteOffset, value.length);
    }
  }
}
