import { Readable } from 'node:stream';
import type { Decompressor } from '../../compression/decompressor.js';
import { expectedSize } from '../../compression/expected-size.js';
import type { Descriptor } from '../../content/descriptor.js';
import { createVerifier } from '../../content/verify.js';
import type { OpenContent, PushOptions } from '../store.js';

/** The end of a smaller layer is not worth a request: it is decompressed as soon. */
const WORTH_A_REQUEST_BYTES = 4 * 1024 * 1024;
/** What comes later than this is not waited for: the layer itself is being read meanwhile. */
const PATIENCE_MS = 2000;

/** A layer that is pushed, to be read in its plain form. */
export class PlainContent {
  readonly descriptor: Descriptor;
  readonly #open: OpenContent;
  readonly #onBytes: PushOptions['onBytes'];
  readonly #decompressor: Decompressor;
  #reported = 0;

  constructor(
    descriptor: Descriptor,
    open: OpenContent,
    { onBytes }: PushOptions,
    decompressor: Decompressor,
  ) {
    this.descriptor = descriptor;
    this.#open = open;
    this.#onBytes = onBytes;
    this.#decompressor = decompressor;
  }

  /**
   * Yields the plain form, in pieces that are valid until the next one is asked for; the compressed bytes are verified on
   * the way. Calls `onExpected` with the size that the plain form probably has, if the layer says so.
   */
  async *pieces(signal: AbortSignal, onExpected?: (size: number) => void): AsyncGenerator<Buffer> {
    const { size, digest } = this.descriptor;
    const ended = new AbortController();
    const whileReading = AbortSignal.any([signal, ended.signal]);
    let isFirst = true;
    const onStart = (start: Buffer): void => {
      if (!isFirst || onExpected === undefined) return;
      isFirst = false;
      this.#expectedSize(start, whileReading).then(
        (expected) => {
          if (expected !== undefined && !whileReading.aborted) onExpected(expected);
        },
        () => undefined, // whatever fails here fails where all of it is read, or does not matter
      );
    };
    const open = async (): Promise<Readable> =>
      Readable.from(this.#verified(await this.#open({ signal }), onStart), { objectMode: false });
    try {
      yield* this.#decompressor.decompress(open, { size, signal, name: digest });
    } finally {
      ended.abort();
    }
  }

  /** Passes the compressed bytes on. A layer may be opened several times, but its bytes are reported once. */
  async *#verified(source: Readable, onStart: (start: Buffer) => void): AsyncIterable<Buffer> {
    const verifier = createVerifier(this.descriptor);
    for await (const chunk of source as AsyncIterable<Buffer>) {
      verifier.update(chunk);
      this.#onBytes?.(Math.max(0, verifier.size - this.#reported), 'fetched');
      this.#reported = Math.max(this.#reported, verifier.size);
      onStart(chunk);
      yield chunk;
    }
    verifier.finish();
  }

  async #expectedSize(chunk: Buffer, signal: AbortSignal): Promise<number | undefined> {
    const { size } = this.descriptor;
    const start = Buffer.from(chunk.subarray(0, 64)); // a copy: the chunk is given back
    return expectedSize({
      size,
      start,
      readEnd: async (length) => {
        if (size < WORTH_A_REQUEST_BYTES) return undefined;
        const limited = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
        const end = await this.#open({ start: size - length, length, signal: limited });
        const bytes: Buffer[] = [];
        for await (const part of end as AsyncIterable<Buffer>) bytes.push(part);
        return Buffer.concat(bytes);
      },
    });
  }
}
