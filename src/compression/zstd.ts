import zlib from 'node:zlib';
import { LadingError, messageOf, systemCode } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { type Engine, runEngine } from './node-engine.js';
import { corrupt, endsEarly } from './problems.js';
import { zstdFrames } from './zstd-frames.js';

/** The part of fzstd that is used here. Its own types are not imported because it may not be installed. */
interface Fzstd {
  Decompress: new (
    onData: (chunk: Uint8Array) => void,
  ) => { push(chunk: Uint8Array, isLast?: boolean): void };
}

/** Decodes one frame; `name` is the name of the content in errors. */
type DecodeFrame = (blocks: AsyncGenerator<Buffer>, name: string) => AsyncGenerator<Buffer>;

/**
 * Decompresses one or more zstd frames, and skips skippable ones. Node.js has a decoder since 22.15; older versions use
 * the optional package fzstd, which decodes about 60 MB/s and does not check the checksums of frames.
 */
export async function* unzstd(source: ByteSource, name: string): AsyncGenerator<Buffer> {
  const decodeFrame = nodeDecoder() ?? (await fzstdDecoder());
  for await (const blocks of zstdFrames(source, name)) {
    yield* decodeFrame(blocks, name);
    if ((await blocks.next()).done !== true)
      throw corrupt(name, 'zstd', 'a frame ends before its last block');
  }
}

function nodeDecoder(): DecodeFrame | undefined {
  const createDecompress: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof createDecompress !== 'function') return undefined;
  return async function* (blocks, name) {
    // The types of Node.js 20 lack this function; it returns a stream like the others of node:zlib.
    const engine: Engine = createDecompress({ chunkSize: 256 * 1024 });
    try {
      const unread = yield* runEngine(engine, async () => (await blocks.next()).value);
      if (unread.length > 0) throw corrupt(name, 'zstd', 'a frame ends before its last block');
    } catch (error) {
      const code = systemCode(error);
      if (code === 'Z_BUF_ERROR') throw endsEarly(name, 'zstd', error);
      if (code?.startsWith('ZSTD_')) throw corrupt(name, 'zstd', messageOf(error), error);
      throw error;
    }
  };
}

async function fzstdDecoder(): Promise<DecodeFrame> {
  const { Decompress } = await loadFzstd();
  return async function* (blocks, name) {
    const output: Buffer[] = [];
    const decompress = new Decompress((chunk) => {
      if (chunk.length > 0) output.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    });
    for await (const block of blocks) {
      try {
        decompress.push(block);
      } catch (error) {
        // An error of fzstd, or of the typed arrays that it uses: in both cases the frame is invalid.
        throw corrupt(name, 'zstd', messageOf(error), error);
      }
      yield* output.splice(0);
    }
    try {
      decompress.push(new Uint8Array(0), true);
    } catch (error) {
      throw corrupt(name, 'zstd', messageOf(error), error);
    }
    yield* output.splice(0);
  };
}

async function loadFzstd(): Promise<Fzstd> {
  try {
    return await import('fzstd' as string); // `as string`: the compiler must not look for its types
  } catch (error) {
    throw new LadingError('UNSUPPORTED', 'this Node.js cannot decompress zstd', {
      cause: error,
      hint: 'Use Node.js 22.15 or newer, or install the package fzstd next to lading.',
    });
  }
}
