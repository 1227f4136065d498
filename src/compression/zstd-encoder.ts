import { availableParallelism } from 'node:os';
import zlib from 'node:zlib';
import { LadingError } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { type Engine, runEngine } from './node-engine.js';

// More threads need more memory (each holds 8 MiB and more), and one of them is faster than most disks.
const MOST_THREADS = 4;

export interface ZstdOptions {
  /** From 1 (fastest) to 19 (smallest). */
  level: number;
  /** The number of threads; default one per core, at most four. The output does not depend on it. */
  threads?: number | undefined;
}

/**
 * Compresses all of `source` to one zstd frame with a checksum (RFC 8878). The bytes depend on content, level and the
 * version of libzstd, which Node.js contains. Throws `UNSUPPORTED` as `requireZstdEncoder` does.
 */
export async function* zstdFrame(
  source: ByteSource,
  { level, threads = Math.min(availableParallelism(), MOST_THREADS) }: ZstdOptions,
): AsyncGenerator<Buffer> {
  const create = requireZstdEncoder();
  const params = {
    [constant('ZSTD_c_compressionLevel')]: level,
    [constant('ZSTD_c_checksumFlag')]: 1,
    // With one or more workers libzstd divides the content into the same jobs, whatever their number; with none it does
    // not divide it, and gives other bytes.
    [constant('ZSTD_c_nbWorkers')]: Math.max(1, threads),
  };
  yield* runEngine(create({ params, chunkSize: 256 * 1024 }), () => source.next());
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
