import zlib from 'node:zlib';
import { LadingError, messageOf, systemCode } from '../errors.js';
import type { ByteSource } from './byte-source.js';
import { type Engine, runEngine } from './node-engine.js';
import { corrupt, endsEarly } from './problems.js';
import { zstdFrames } from './zstd-frames.js';

/** What is used of fzstd. Its own types may be absent, as the package may. */
interface Fzstd {
  Decompress: new (
    onData: (chunk: Uint8Array) => void,
  ) => { push(chunk: Uint8Array, isLast?: boolean): void };
}

/** Decodes one whole frame; given a name for errors. */
type DecodeFrame = (blocks: AsyncGenerator<Buffer>, name: string) => AsyncGenerator<Buffer>;

/**
 * Decompresses one or more zstd frames, skippable ones passed over. Node.js has a decoder from 22.15 on; before
 * it, the optional fzstd does the work, at about 60 MB/s and without looking at the frames' checksums.
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
    // The types of Node.js 20 do not know the function; it makes a stream like those of node:zlib.
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
        // Its own errors and those of the typed arrays it works on: either way the frame is not valid.
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
    return await import('fzstd' as string); // the compiler does not look for types
  } catch (error) {
    throw new LadingError('UNSUPPORTED', 'this Node.js cannot decompress zstd', {
      cause: error,
      hint: 'Use Node.js 22.15 or newer, or install the package fzstd beside lading.',
    });
  }
}
