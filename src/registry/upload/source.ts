import { Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import { cutShort, tooLong } from '../../content/verify.js';

/** Opens the bytes of a blob, from `start`, as often as it is asked. A chunk is used up before the next but one. */
export type OpenBlob = (options?: {
  start?: number | undefined;
  signal?: AbortSignal | undefined;
}) => Promise<Readable | AsyncIterable<Buffer>>;

/** The bytes that an upload sends: opened once where pieces follow each other, again after a failure. */
export class UploadSource {
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlob;
  readonly #signal: AbortSignal | undefined;
  #stream: Readable | AsyncIterable<Buffer> | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  /** Of the last chunk, what belongs to the next piece. */
  #rest: Buffer | undefined;
  #position = 0;
  /** Counts what was given up: a reader of an earlier stream finds itself out by it. */
  #generation = 0;
  /** Why the bytes could not be read; it is the upload's failure then, whatever the connection says. */
  failure: unknown;

  constructor(descriptor: Descriptor, open: OpenBlob, signal: AbortSignal | undefined) {
    this.#descriptor = descriptor;
    this.#open = open;
    this.#signal = signal;
  }

  /** The bytes from `start` to before `end`; rejects with `CUT_SHORT` or `SIZE_MISMATCH` where they are not all. */
  async *read(start: number, end: number): AsyncGenerator<Buffer> {
    const isNext = this.#chunks !== undefined && this.#position === start;
    if (!isNext) this.close();
    const generation = this.#generation;
    const isGivenUp = () => this.#generation !== generation;
    try {
      if (!isNext) await this.#openAt(start, isGivenUp);
      while (this.#position < end && !isGivenUp()) {
        const chunk = await this.#next(end - this.#position);
        if (isGivenUp()) return;
        if (chunk === undefined) throw cutShort(this.#descriptor, this.#position);
        this.#position += chunk.byteLength;
        const isLast = this.#position === this.#descriptor.size;
        if (isLast && (await this.#next(1)) !== undefined) throw tooLong(this.#descriptor);
        yield chunk;
      }
    } catch (error) {
      if (isGivenUp()) return;
      this.failure = error;
      throw error;
    }
  }

  /** Gives up what is being read; the next piece is opened afresh. */
  close(): void {
    this.#generation += 1;
    // A stream ends at once; an iterable, when the chunk that it may be reading is there.
    if (this.#stream instanceof Readable) this.#stream.destroy();
    else this.#chunks?.return?.().catch(() => undefined);
    this.#stream = undefined;
    this.#chunks = undefined;
    this.#rest = undefined;
  }

  async #openAt(start: number, isGivenUp: () => boolean): Promise<void> {
    const stream = await this.#open({ start, signal: this.#signal });
    // Reading tells of errors; those that come when nobody reads any more are of no interest.
    if (stream instanceof Readable) stream.on('error', () => undefined);
    if (isGivenUp()) {
      if (stream instanceof Readable) stream.destroy();
      return;
    }
    this.#position = start;
    this.#stream = stream;
    // Content has no encoding, so a stream of it gives Buffers.
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async #next(maxBytes: number): Promise<Buffer | undefined> {
    let chunk = this.#rest;
    this.#rest = undefined;
    while (chunk === undefined || chunk.byteLength === 0) {
      const next = await this.#chunks?.next();
      if (next === undefined || next.done === true) return undefined;
      chunk = next.value;
    }
    if (chunk.byteLength <= maxBytes) return chunk;
    this.#rest = chunk.subarray(maxBytes);
    return chunk.subarray(0, maxBytes);
  }
}
