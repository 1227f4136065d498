import zlib from 'node:zlib';
import { LadingError } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { type Engine, runEngine } from './node-engine.js';

/**
 * Compresses all of `source` to one zstd frame with a checksum (RFC 8878), at a level from 1 (fastest) to 19 (smallest).
 * The bytes depend on content, level and the version of libzstd, which Node.js contains. Throws `UNSUPPORTED` as
 * `requireZstdEncoder` does.
 */
export async function* zstdFrame(source: ByteSource, level: number): AsyncGenerator<Buffer> {
  const create = requireZstdEncoder();
  // Without libzstd's workers: with them it may take a part of a chunk and leave space in the output, which node:zlib
  // takes for the end of the frame.
  const params = {
    [constant('ZSTD_c_compressionLevel')]: level,
    [constant('ZSTD_c_checksumFlag')]: 1,
  };
  yield* wholeOutput(create({ params, chunkSize: 256 * 1024 }), source);
}

/** Yields the output of an encoder, and throws if it ended before it had consumed all of `source`. */
export async function* wholeOutput(encoder: Engine, source: ByteSource): AsyncGenerator<Buffer> {
  const left = yield* runEngine(encoder, () => source.next());
  if (left.length > 0 || (await source.next()) !== undefined)
    throw new Error('the encoder ended before the content did');
}

/** Returns the encoder of Node.js; throws `UNSUPPORTED` if it has none, which is so before 22.15. */
export function requireZstdEncoder(): (options: object) => Engine {
  const create: unknown = Reflect.get(zlib, 'createZstdCompress');
  // The types of Node.js 20 lack this function; it returns a stream like the others of node:zlib.
  if (typeof create === 'function') return (options) => create(options);
  throw new LadingError('UNSUPPORTED', `Node.js ${process.versions.node} cannot compress with zstd`, {
    hint: 'Use Node.js 22.15 or newer, or gzip.',
  });
}

function constant(name: string): number {
  const value: unknown = Reflect.get(zlib.constants, name);
  if (typeof value === 'number') return value;
  throw new Error(`node:zlib has an encoder for zstd, but no ${name}`);
}
