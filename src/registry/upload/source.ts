import { Readable } from 'node:stream';
import type { Descriptor } from '../../content/descriptor.js';
import { cutShort, tooLong } from '../../content/verify.js';

/**
 * Opens the bytes of a blob from `start`; may be called several times. A chunk is no longer used when the next but one
 * is read, so its buffer can be reused.
 */
export type OpenBlob = (options?: {
  start?: number | undefined;
  signal?: AbortSignal | undefined;
}) => Promise<Readable | AsyncIterable<Buffer>>;

/** The bytes that an upload sends. Consecutive chunks share one stream; after a failure it is opened again. */
export class UploadSource {
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlob;
  readonly #signal: AbortSignal | undefined;
  #stream: Readable | AsyncIterable<Buffer> | undefined;
  #chunks: AsyncIterator<Buffer> | undefined;
  /** The part of the last chunk of the stream that has not been returned yet. */
  #rest: Buffer | undefined;
  #position = 0;
  /** Incremented by `close()`, so that a reader of an earlier stream notices that it is closed. */
  #generation = 0;
  /** Why the bytes could not be read; the upload then fails with this error, not with that of the connection. */
  failure: unknown;

  constructor(descriptor: Descriptor, open: OpenBlob, signal: AbortSignal | undefined) {
    this.#descriptor = descriptor;
    this.#open = open;
    this.#signal = signal;
  }

  /**
   * Yields the bytes from `start` up to but not including `end`. Throws `CUT_SHORT` if there are fewer, and
   * `SIZE_MISMATCH` if the content continues after the blob's size.
   */
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

  /** Stops reading; the next `read` opens the content again. */
  close(): void {
    this.#generation += 1;
    // A stream is destroyed at once; an iterable ends after the chunk that it may be reading.
    if (this.#stream instanceof Readable) this.#stream.destroy();
    else this.#chunks?.return?.().catch(() => undefined);
    this.#stream = undefined;
    this.#chunks = undefined;
    this.#rest = undefined;
  }

  async #openAt(start: number, isGivenUp: () => boolean): Promise<void> {
    const stream = await this.#open({ start, signal: this.#signal });
    // Errors are reported by reading; those after the last read do not matter.
    if (stream instanceof Readable) stream.on('error', () => undefined);
    if (isGivenUp()) {
      if (stream instanceof Readable) stream.destroy();
      return;
    }
    this.#position = start;
    this.#stream = stream;
    // a stream without an encoding yields Buffers
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
