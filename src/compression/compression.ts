import { addAbortSignal, type Readable } from 'node:stream';
import { detectCompression, MAGIC_LENGTH } from '../content/compression.js';
import { LadingError } from '../errors.js';
import { ByteSource } from './byte-source.js';
import { type GunzipOptions, gunzip } from './gzip.js';
import { type DecompressLimits, limited } from './limits.js';
import { streamOf } from './stream-of.js';
import { unxz } from './xz.js';
import { unzstd } from './zstd.js';

export { type Compression, detectCompression, MAGIC_LENGTH } from '../content/compression.js';
export { type CompressOptions, Compressor } from './compressor.js';
export { DEFAULT_MAX_RATIO, type DecompressLimits } from './limits.js';

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
