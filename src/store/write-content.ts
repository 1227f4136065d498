import { giveBackChunk } from '../content/chunks.js';
import type { Descriptor } from '../content/descriptor.js';
import { createVerifier, type Verifier } from '../content/verify.js';
import { ContentError, isLadingError, type LadingError } from '../errors.js';
import type { OpenContent, PushOptions } from './store.js';
import { writeGathered } from './write-gathered.js';

/** A destination of content: a file, or a stream that accepts positions only in order. */
export interface Sink {
  /** Resolves when the bytes were accepted; positions of one blob come in order. */
  write(chunks: Buffer[], position: number, signal?: AbortSignal): Promise<void>;
  /** True if a chunk can be reused after it was written. */
  readonly copies?: boolean;
  /** Reads back bytes that were written before; undefined if the destination cannot. */
  read?(position: number, length: number): AsyncIterable<Buffer>;
}

/**
 * Writes content to one place, and resumes where it stopped: `write` can be called again after a failure, and starts at
 * the first missing byte.
 */
export class ContentWriter {
  /** Made when the first bytes come, and gone at the end: an archive has a writer for each of thousands of contents. */
  #verifier: Verifier | undefined;
  /** Bytes that were written and hashed, or are assumed to be there from an earlier run. */
  #written: number;
  #hashed = 0;
  readonly #onWritten: ((bytes: number) => Promise<void> | void) | undefined;

  constructor(
    private readonly descriptor: Descriptor,
    private readonly sink: Sink,
    private readonly position: number,
    options: { kept?: number; onWritten?: (bytes: number) => Promise<void> | void } = {},
  ) {
    this.#written = Math.min(options.kept ?? 0, descriptor.size);
    this.#onWritten = options.onWritten;
  }

  /** Bytes that need not be fetched again. */
  get written(): number {
    return this.#written;
  }

  /** Discards what was written: the next `write` starts with the first byte. */
  reset(): void {
    this.#verifier = undefined;
    this.#written = 0;
    this.#hashed = 0;
  }

  /**
   * Fetches and writes what is missing, and verifies all of it. After `DIGEST_MISMATCH` or `SIZE_MISMATCH` nothing is
   * kept; after any other error the bytes so far are. If the destination cannot be rewritten, wrong content is
   * `INVALID_ARCHIVE`.
   */
  async write(open: OpenContent, options: PushOptions = {}): Promise<void> {
    await this.#hashKept(options);
    try {
      if (this.#written < this.descriptor.size) await this.#receive(open, options);
      this.#verify().finish();
      // If this is written once more, what is there is hashed again.
      [this.#verifier, this.#hashed] = [undefined, 0];
    } catch (error) {
      if (!isLadingError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) throw error;
      this.reset();
      throw this.sink.read === undefined ? notTakenBack(error) : error;
    }
  }

  #verify(): Verifier {
    this.#verifier ??= createVerifier(this.descriptor);
    return this.#verifier;
  }

  /** Hashes the bytes of an earlier run before they are used. */
  async #hashKept({ onBytes, signal }: PushOptions): Promise<void> {
    if (this.#hashed === this.#written) return;
    // A write failed after its bytes were hashed, so the hash starts over with what is there.
    if (this.#hashed > this.#written) [this.#verifier, this.#hashed] = [undefined, 0];
    if (this.sink.read === undefined) return this.reset();
    const length = this.#written - this.#hashed;
    for await (const chunk of this.sink.read(this.position + this.#hashed, length)) {
      signal?.throwIfAborted();
      this.#verify().update(chunk);
      this.#hashed += chunk.byteLength;
    }
    if (this.#hashed < this.#written) return this.reset();
    onBytes?.(length, 'kept');
  }

  async #receive(open: OpenContent, { onBytes, signal }: PushOptions): Promise<void> {
    const body = await open({ start: this.#written, signal });
    const write = async (chunks: Buffer[], bytes: number): Promise<void> => {
      await this.sink.write(chunks, this.position + this.#written, signal);
      if (this.sink.copies) chunks.forEach(giveBackChunk);
      this.#written += bytes;
      await this.#onWritten?.(this.#written);
    };
    const onChunk = (chunk: Buffer): void => {
      this.#verify().update(chunk);
      this.#hashed += chunk.byteLength;
      onBytes?.(chunk.byteLength, 'fetched');
    };
    await writeGathered(body as AsyncIterable<Buffer>, write, { ahead: true, onChunk });
  }
}

/** Turns a mismatch into an error that is not retried, because the wrong bytes cannot be removed from a stream. */
function notTakenBack(error: LadingError): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${error.message}; what was streamed cannot be taken back`, {
    cause: error,
    hint: 'Throw away what was written and run the command again; to a file, only the damaged part is fetched afresh.',
  });
}
