/**
 * Smaller chunks are copied: each would take 200 bytes for its object, and keep the whole buffer it arrived in alive.
 */
const SMALL_BYTES = 4096;
/** The first chunks are not copied, whatever their size: most documents arrive in one or two. */
const KEPT_CHUNKS = 16;
const SHARED_BYTES = 64 * 1024;

/**
 * Collects the chunks of a stream until they are taken. A sender that sends single bytes does not make it use more
 * memory than one that sends large chunks.
 */
export class Gathered {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Small chunks are copied into this buffer, one after the other. */
  #shared = Buffer.alloc(0);
  #used = 0;
  /** The place in `#shared` where the last chunk begins; undefined if the last chunk was not copied there. */
  #lastStart: number | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.byteLength;
    if (chunk.byteLength >= SMALL_BYTES || this.#chunks.length < KEPT_CHUNKS) {
      this.#chunks.push(chunk);
      this.#lastStart = undefined;
    } else this.#copy(chunk);
  }

  /** Returns the chunks that were added since the last call, and forgets them. */
  take(): Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    this.#lastStart = undefined;
    return chunks;
  }

  /** Like `take`, but returns one buffer. */
  takeWhole(): Buffer {
    return Buffer.concat(this.take());
  }

  #copy(chunk: Buffer): void {
    if (this.#shared.byteLength - this.#used < chunk.byteLength) {
      this.#shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
      this.#used = 0;
      this.#lastStart = undefined;
    }
    this.#shared.set(chunk, this.#used);
    const start = this.#lastStart ?? this.#used;
    this.#used += chunk.byteLength;
    if (this.#lastStart !== undefined) this.#chunks.pop();
    this.#lastStart = start;
    this.#chunks.push(this.#shared.subarray(start, this.#used));
  }
}
