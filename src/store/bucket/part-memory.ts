/** Most bytes of parts that are gathered or sent at a time. */
const BUDGET_BYTES = 256 * 1024 * 1024;
const LEAST_BUFFERS = 2;
const MOST_BUFFERS = 8;

/** The memory for parts of all blobs of a store, each of which is filled, sent, and used again. */
export class PartMemory {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];
  readonly #waiting: ((buffer: Buffer) => void)[] = [];
  #left: number;

  constructor(partBytes: number) {
    this.#bytes = partBytes;
    this.#left = Math.max(LEAST_BUFFERS, Math.min(MOST_BUFFERS, Math.floor(BUDGET_BYTES / partBytes)));
  }

  /** Resolves with a buffer when there is one, in the order of the calls. */
  async take(): Promise<Buffer> {
    const known = this.#free.pop();
    if (known !== undefined) return known;
    if (this.#left > 0) {
      this.#left -= 1;
      return Buffer.allocUnsafeSlow(this.#bytes);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  giveBack(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(buffer);
    else this.#free.push(buffer);
  }
}
