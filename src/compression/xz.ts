import { ReadableStream } from 'node:stream/web';
import { LadingError, messageOf } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { corrupt, endsEarly } from './problems.js';

/** The part of xz-decompress that is used here. Its own types are not imported because it may not be installed. */
interface XzDecompress {
  XzReadableStream: new (compressed: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>;
}

/** Values of `xz_ret` in XZ Embedded, which xz-decompress has in its errors. (xz-embedded, linux/include/linux/xz.h) */
const MEMORY_LIMIT = 4;
const OPTIONS = 6;
const ENDS_EARLY = 8;

/** Decompresses one or more xz streams with the optional package xz-decompress, because Node.js has no decoder. */
export async function* unxz(source: ByteSource, name: string): AsyncGenerator<Buffer> {
  const { XzReadableStream } = await loadXz();
  try {
    for await (const chunk of new XzReadableStream(ReadableStream.from(chunksOf(source))))
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  } catch (error) {
    throw explained(error, name);
  }
}

async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) yield chunk;
}

function explained(error: unknown, name: string): unknown {
  const code = Number(/error code (\d+)/.exec(messageOf(error))?.[1]);
  if (Number.isNaN(code)) return error; // an error of the source
  if (code === ENDS_EARLY) return endsEarly(name, 'xz', error);
  if (code !== MEMORY_LIMIT && code !== OPTIONS) return corrupt(name, 'xz', messageOf(error), error);
  const problem =
    code === MEMORY_LIMIT
      ? 'with a dictionary of more than 64 MiB'
      : 'with a filter or a check that lading does not support';
  return new LadingError('UNSUPPORTED', `${name} is compressed with xz, ${problem}`, {
    cause: error,
    hint: 'Decompress it first, with xz -d.',
  });
}

async function loadXz(): Promise<XzDecompress> {
  try {
    // `as string`: the compiler must not look for its types. The package is CommonJS, which the bundled program sees
    // without a default export.
    const xz: XzDecompress & { default?: XzDecompress } = await import('xz-decompress' as string);
    return xz.default ?? xz;
  } catch (error) {
    throw new LadingError('UNSUPPORTED', 'xz cannot be decompressed here', {
      cause: error,
      hint: 'Install the package xz-decompress next to lading, or decompress the file first, with xz -d.',
    });
  }
}
