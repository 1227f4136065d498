import { giveBackChunk } from '../content/chunks.js';
import type { Descriptor } from '../content/descriptor.js';
import { createVerifier, type Verifier } from '../content/verify.js';
import { ContentError, isLadingError, type LadingError } from '../errors.js';
import type { OpenContent, PushOptions } from './store.js';
import { writeGathered } from './write-gathered.js';

/** Where content is written: a file, or a stream that takes positions in their order only. */
export interface Sink {
  /** Resolves when the bytes were taken; positions of one blob come in order. */
  write(chunks: Buffer[], position: number, signal?: AbortSignal): Promise<void>;
  /** Whether a chunk may be used for something else once it was written. */
  readonly copies?: boolean;
  /** Bytes that were written before, in pieces; undefined where they cannot be read again. */
  read?(position: number, length: number): AsyncIterable<Buffer>;
}

/**
 * Content on its way to one place, which goes on where it stopped: `write` can be called again after a
 * failure, and starts at the first byte that is not there.
 */
export class ContentWriter {
  #verifier: Verifier;
  /** Bytes that were written and hashed, or are taken to be there from an earlier run. */
  #written: number;
  #hashed = 0;
  readonly #onWritten: ((bytes: number) => Promise<void> | void) | undefined;

  constructor(
    private readonly descriptor: Descriptor,
    private readonly sink: Sink,
    private readonly position: number,
    options: { kept?: number; onWritten?: (bytes: number) => Promise<void> | void } = {},
  ) {
    this.#verifier = createVerifier(descriptor);
    this.#written = Math.min(options.kept ?? 0, descriptor.size);
    this.#onWritten = options.onWritten;
  }

  /** Bytes that need not be fetched again. */
  get written(): number {
    return this.#written;
  }

  /** Forgets what was written: the next `write` starts with the first byte. */
  reset(): void {
    this.#verifier = createVerifier(this.descriptor);
    this.#written = 0;
    this.#hashed = 0;
  }

  /**
   * Fetches what is missing and writes it; verifies the whole. After `DIGEST_MISMATCH` or `SIZE_MISMATCH`
   * nothing is kept; after anything else the bytes so far are. Where nothing can be written again, wrong
   * content is `INVALID_ARCHIVE`.
   */
  async write(open: OpenContent, options: PushOptions = {}): Promise<void> {
    await this.#hashKept(options);
    try {
      if (this.#written < this.descriptor.size) await this.#receive(open, options);
      this.#verifier.finish();
    } catch (error) {
      if (!isLadingError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) throw error;
      this.reset();
      throw this.sink.read === undefined ? notTakenBack(error) : error;
    }
  }

  /** Bytes of an earlier run count only after they went through the hash. */
  async #hashKept({ onBytes, signal }: PushOptions): Promise<void> {
    if (this.#hashed === this.#written) return;
    // A write failed after its bytes were hashed: the hash starts over with what is there.
    if (this.#hashed > this.#written) [this.#verifier, this.#hashed] = [createVerifier(this.descriptor), 0];
    if (this.sink.read === undefined) return this.reset();
    const length = this.#written - this.#hashed;
    for await (const chunk of this.sink.read(this.position + this.#hashed, length)) {
      signal?.throwIfAborted();
      this.#verifier.update(chunk);
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
      this.#verifier.update(chunk);
      this.#hashed += chunk.byteLength;
      onBytes?.(chunk.byteLength, 'fetched');
    };
    await writeGathered(body as AsyncIterable<Buffer>, write, { ahead: true, onChunk });
  }
}

/** Not to be tried again: the wrong bytes stand in what was written, for good. */
function notTakenBack(error: LadingError): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${error.message}; what was streamed cannot be taken back`, {
    cause: error,
    hint: 'Throw away what was written and run the command again; to a file, only the damaged part is fetched afresh.',
  });
}
