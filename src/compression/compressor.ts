import { addAbortSignal, type Readable } from 'node:stream';
import { ByteSource } from './byte-source.js';
import { DeflatePool } from './deflate-pool.js';
import { gzipBlocks } from './gzip-blocks.js';
import { streamOf } from './stream-of.js';

/** Opens plain content; called once. */
export type OpenPlain = (options?: { signal?: AbortSignal | undefined }) => Promise<Readable>;

export interface CompressOptions {
  /**
   * From 1, fast, to 9, small; default 4. On layers of programs, libraries and documents, by the processor time of
   * one core: 3 is 10 % faster and 2.5 % larger, 5 is 25 % slower and 2 % smaller, 6 is 45 % slower and 2.5 % smaller.
   */
  level?: number | undefined;
  /** Default one a core, six at most; the bytes do not depend on it. */
  threads?: number | undefined;
}

const DEFAULT_LEVEL = 4;

/**
 * Makes gzip of any number of streams with one set of threads, which is started when content is worth it and
 * runs until `close`. The same content gives the same bytes at every run and at any number of threads. On other
 * machines too where zlib makes the same matches, which no release of it promises to: those in Node.js 20.20, 22.23
 * and 24.21 do, on x64 with and without SSE 4.2, and on arm64. A Node.js that was built with the system's zlib may not.
 */
export class Compressor {
  readonly #pool: DeflatePool;
  readonly #level: number;

  constructor({ level = DEFAULT_LEVEL, threads }: CompressOptions = {}) {
    this.#level = level;
    this.#pool = new DeflatePool({ threads });
  }

  /** The gzip of what `open` gives; fails as that fails. */
  async compress(open: OpenPlain, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Readable> {
    signal?.throwIfAborted();
    const source = new ByteSource(await open({ signal }));
    const output = streamOf(gzipBlocks(source, this.#pool, this.#level), () => source.destroy());
    return signal === undefined ? output : addAbortSignal(signal, output);
  }

  /** Ends the threads; streams that have not ended fail. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}
