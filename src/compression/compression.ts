import { addAbortSignal, Readable } from 'node:stream';
import { detectCompression, MAGIC_LENGTH } from '../content/compression.js';
import { LadingError } from '../errors.js';
import { ByteSource } from './byte-source.js';
import { DeflatePool } from './deflate-pool.js';
import { type GunzipOptions, gunzip } from './gzip.js';
import { gzipBlocks } from './gzip-blocks.js';
import { type DecompressLimits, limited } from './limits.js';
import { unxz } from './xz.js';
import { unzstd } from './zstd.js';

export { type Compression, detectCompression, MAGIC_LENGTH } from '../content/compression.js';
export type { DecompressLimits } from './limits.js';

const DEFAULT_LEVEL = 4;
const READ_AHEAD = 512 * 1024;

/** Opens the same compressed bytes, from the first, each time it is called. */
export type OpenCompressed = (options?: { signal?: AbortSignal | undefined }) => Promise<Readable>;

export interface DecompressOptions {
  signal?: AbortSignal | undefined;
  /** Against decompression bombs; `TOO_LARGE` beyond them. */
  limits?: DecompressLimits | undefined;
  /** What errors call the content: a digest, a path; default `the content`. */
  name?: string | undefined;
  /** Called when zeros follow the last gzip member: they are passed over here, and refused by most readers. */
  onPadding?: (() => void) | undefined;
}

/**
 * The decompressed bytes of gzip, zstd and xz content, told by its first bytes, and plain content as it is. Ends
 * only when the source has ended too and all of it was understood: otherwise the stream fails with
 * `INVALID_ARCHIVE`. `open` may be called a second time; bzip2 rejects with `UNSUPPORTED`.
 */
export async function decompressed(open: OpenCompressed, options: DecompressOptions = {}): Promise<Readable> {
  const { signal, limits = {}, name = 'the content', onPadding } = options;
  signal?.throwIfAborted();
  const openSource = async (): Promise<ByteSource> => new ByteSource(await open({ signal }));
  let source = await openSource();
  const reopen = async (): Promise<ByteSource> => {
    source.destroy();
    source = await openSource();
    return source;
  };
  try {
    const chunks = await decoded(source, { name, reopen, onPadding });
    const bounded = limited(chunks, name, limits, () => source.received);
    const output = streamOf(bounded, () => source.destroy());
    return signal === undefined ? output : addAbortSignal(signal, output);
  } catch (error) {
    source.destroy();
    throw error;
  }
}

async function decoded(
  source: ByteSource,
  { name, ...gzip }: { name: string } & GunzipOptions,
): Promise<AsyncIterable<Buffer>> {
  const firstBytes = await source.take(MAGIC_LENGTH);
  source.unread(firstBytes);
  const compression = detectCompression(firstBytes);
  switch (compression) {
    case 'gzip':
      return gunzip(source, name, gzip);
    case 'zstd':
      return unzstd(source, name);
    case 'none':
      return plain(source);
    case 'xz':
      return unxz(source, name);
    case 'bzip2':
      throw new LadingError(
        'UNSUPPORTED',
        `${name} is compressed with ${compression}, which lading does not read`,
        {
          hint: `Decompress it first, with ${compression} -d.`,
        },
      );
  }
}

async function* plain(source: ByteSource): AsyncGenerator<Buffer> {
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
}

/** Unlike `Readable.from`, lets go of the source before it waits for the generator, which may be waiting for it. */
export function streamOf(chunks: AsyncGenerator<Buffer>, release: () => void): Readable {
  return new Readable({
    highWaterMark: READ_AHEAD,
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, callback) {
      release();
      chunks.return(undefined).then(
        () => callback(error),
        (returnError) => callback(error ?? returnError),
      );
    },
  });
}

/** Opens plain content; called once. */
type OpenPlain = (options?: { signal?: AbortSignal | undefined }) => Promise<Readable>;

export interface CompressOptions {
  /**
   * From 1, fast, to 9, small; default 4. On layers of programs, libraries and documents, by the processor time of
   * one core: 3 is 10 % faster and 2.5 % larger, 5 is 25 % slower and 2 % smaller, 6 is 45 % slower and 2.5 % smaller.
   */
  level?: number | undefined;
  /** Default one a core, six at most; the bytes do not depend on it. */
  threads?: number | undefined;
}

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
