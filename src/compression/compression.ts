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
import { requireZstdEncoder, zstdFrame } from './zstd-encoder.js';

export { type Compression, detectCompression, MAGIC_LENGTH } from '../content/compression.js';
export type { DecompressLimits } from './limits.js';

/** The formats that are written, with their levels; see `CompressOptions`. */
const LEVELS = {
  gzip: { least: 1, most: 9, usual: 4 },
  // Above 19 the window is larger than the 8 MiB that every decoder has to support (RFC 8878, 3.1.1.1.2).
  zstd: { least: 1, most: 19, usual: 3 },
} as const;
const READ_AHEAD = 512 * 1024;

/** Opens the compressed bytes, from the first; each call returns the same bytes. */
export type OpenCompressed = (options?: { signal?: AbortSignal | undefined }) => Promise<Readable>;

export interface DecompressOptions {
  signal?: AbortSignal | undefined;
  /** Limits against decompression bombs; the stream fails with `TOO_LARGE` beyond them. */
  limits?: DecompressLimits | undefined;
  /** The name of the content in errors, such as a digest or a path; default `the content`. */
  name?: string | undefined;
  /** Called if zeros follow the last gzip member: they are ignored here, but most readers refuse them. */
  onPadding?: (() => void) | undefined;
}

/**
 * Decompresses gzip, zstd and xz, which it recognises by the first bytes; passes other content through. The stream ends
 * only after all bytes of the source were read and are valid; otherwise it fails with `INVALID_ARCHIVE`. It may call
 * `open` a second time. Rejects with `UNSUPPORTED` for bzip2.
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

/**
 * Makes a stream of a generator. When the stream is destroyed, it calls `release` before it waits for the generator,
 * which may be waiting for its source; `Readable.from` could wait forever.
 */
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

/** Opens the content to compress; it is called once. */
type OpenPlain = (options?: { signal?: AbortSignal | undefined }) => Promise<Readable>;

/** The formats that content can be compressed to. */
export type CompressedForm = keyof typeof LEVELS;

export interface CompressOptions {
  /** Default `gzip`. For `zstd`, Node.js 22.15 or newer is needed. */
  form?: CompressedForm | undefined;
  /**
   * gzip: from 1 (fastest) to 9 (smallest); default 4. Measured on layers of programs and libraries, in MB of plain bytes
   * that one core takes in a second, and in size: level 1 86 and + 4.0 %, 2 84 and + 2.6 %, 3 74 and + 1.8 %, 4 67, 5 54
   * and - 1.5 %, 6 42 and - 1.9 %, 9 14 and - 2.2 %. What skopeo makes is as large as that of level 3. A layer is
   * compressed once and pulled often, so what level 1 saves is not worth 4 %; and a digest that stays lets a registry
   * skip what an earlier version has sent. libdeflate is no choice: it has neither dictionaries nor blocks that do not
   * end the stream, which blocks in parallel need. zstd: from 1 to 19; default 3, as of the program zstd.
   */
  level?: number | undefined;
  /** The number of threads; default one per core, at most six. The output does not depend on it. */
  threads?: number | undefined;
}

/**
 * Compresses any number of streams. For gzip, they share one set of threads, which start with the first content that is
 * large enough to need them, and run until `close`. The same content always gives the same bytes, with any number of
 * threads. Between machines this depends on zlib, which does not promise it: the zlib of Node.js 20.20, 22.23 and 24.21
 * gives the same bytes, on x64 with and without SSE 4.2 and on arm64. One with the system's zlib may differ, and so may
 * zstd between versions of Node.js.
 */
export class Compressor {
  readonly #pool: DeflatePool;
  readonly #form: CompressedForm;
  readonly #level: number;

  /** Throws `USAGE` for a level that the format does not have, and `UNSUPPORTED` if Node.js cannot compress with zstd. */
  constructor({ form = 'gzip', level, threads }: CompressOptions = {}) {
    this.#form = form;
    this.#level = levelOf(form, level);
    this.#pool = new DeflatePool({ threads });
    if (form === 'zstd') requireZstdEncoder();
  }

  /** Returns the content that `open` returns, compressed. An error of `open` or of its stream is passed on. */
  async compress(open: OpenPlain, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Readable> {
    signal?.throwIfAborted();
    const source = new ByteSource(await open({ signal }));
    const output = streamOf(this.#compressed(source), () => source.destroy());
    return signal === undefined ? output : addAbortSignal(signal, output);
  }

  #compressed(source: ByteSource): AsyncGenerator<Buffer> {
    return this.#form === 'gzip'
      ? gzipBlocks(source, this.#pool, this.#level)
      : zstdFrame(source, this.#level);
  }

  /** Stops the threads; streams that have not ended fail. */
  close(): Promise<void> {
    return this.#pool.close();
  }
}

function levelOf(form: CompressedForm, level: number | undefined): number {
  const { least, most, usual } = LEVELS[form];
  if (level === undefined) return usual;
  if (Number.isInteger(level) && level >= least && level <= most) return level;
  throw new LadingError(
    'USAGE',
    `the level of ${form} is a whole number from ${least} to ${most}, not ${level}`,
  );
}
