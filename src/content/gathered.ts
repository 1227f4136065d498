/** A chunk of fewer bytes is copied: as an object of its own it takes 200, and keeps the buffer that it came in. */
const SMALL_BYTES = 4096;
/** So many chunks are kept as they came, whatever their size: most documents come in one or two. */
const KEPT_CHUNKS = 16;
const SHARED_BYTES = 64 * 1024;

/**
 * Chunks that came one after the other and stay together for a while. A sender that sends single bytes makes it take no
 * more memory than one that sends them all at once.
 */
export class Gathered {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Where small chunks are copied to, one after the other. */
  #shared = Buffer.alloc(0);
  #used = 0;
  /** Where the last chunk begins in it; undefined when the last chunk is not in it. */
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

  /** What came since the last time. */
  take(): Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    this.#lastStart = undefined;
    return chunks;
  }

  /** The same as one buffer. */
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
