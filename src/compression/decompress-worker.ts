import { Readable } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import { type Advice, adviceOf, ContentError, type ErrorCode, LadingError, messageOf } from '../errors.js';
import { onRequest } from '../threads.js';
import { decompressed } from './compression.js';
import { inPieces, PIECE_BYTES } from './pieces.js';

/** Memory goes with the message, and is not copied. */
export type DecompressRequest =
  | { type: 'begin'; name: string }
  /** The next bytes of the source that was asked for with this number; no bytes are its end. */
  | { type: 'input'; number: number; memory: ArrayBuffer; length: number }
  /** Memory of `output` that is free again. */
  | { type: 'space'; memory: ArrayBuffer };

export type DecompressAnswer =
  /** Asks for the source from its first byte; input with earlier numbers is not wanted any more. */
  | { type: 'open'; number: number }
  /** A piece of input was taken; its memory may be used for another one. */
  | { type: 'taken'; memory: ArrayBuffer }
  | { type: 'output'; memory: ArrayBuffer; length: number }
  | { type: 'end' }
  | { type: 'failed'; error: PassedError };

/** What of an error passes between threads. */
interface PassedError {
  message: string;
  /** Undefined if it is no `LadingError`. */
  code?: ErrorCode;
  isOfContent?: boolean;
  advice?: Advice;
}

/** Pieces of output that may be under way: one is filled while others are hashed and written. */
const PIECES = 4;
/**
 * Input is passed to the decoder in copies of this size, so that its memory can go back: nobody knows how long a decoder
 * holds on to a chunk, and what it received as a message would be collected late. (250 instead of 150 MB)
 */
const SLICE_BYTES = 64 * 1024;

let free: ArrayBuffer[] = [];
let onSpace: () => void = () => undefined;
/** How often a source was asked for. */
let number = 0;
let onInput: (bytes: Buffer<ArrayBuffer>) => void = () => undefined;

onRequest(parentPort, (request: DecompressRequest) => {
  switch (request.type) {
    case 'begin':
      void decompress(request.name);
      break;
    case 'input':
      if (request.number === number) onInput(Buffer.from(request.memory, 0, request.length));
      break;
    case 'space':
      free.push(request.memory);
      onSpace();
      break;
  }
});

async function decompress(name: string): Promise<void> {
  if (free.length === 0) free = Array.from({ length: PIECES }, () => new ArrayBuffer(PIECE_BYTES));
  try {
    for await (const piece of inPieces(await decompressed(openSource, { name }), takeSpace)) {
      const memory = piece.buffer;
      answer({ type: 'output', memory, length: piece.byteLength }, [memory]);
    }
    answer({ type: 'end' });
  } catch (error) {
    answer({ type: 'failed', error: passed(error) });
  }
}

async function openSource(): Promise<Readable> {
  const held: Buffer<ArrayBuffer>[] = [];
  let wake = (): void => undefined;
  onInput = (bytes) => {
    held.push(bytes);
    wake();
  };
  number += 1;
  answer({ type: 'open', number });
  async function* chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const bytes = held.shift();
      if (bytes === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if (bytes.byteLength === 0) return;
      for (let start = 0; start < bytes.byteLength; start += SLICE_BYTES)
        yield Buffer.from(bytes.subarray(start, start + SLICE_BYTES));
      answer({ type: 'taken', memory: bytes.buffer }, [bytes.buffer]);
    }
  }
  return Readable.from(chunks(), { objectMode: false });
}

async function takeSpace(): Promise<ArrayBuffer> {
  for (;;) {
    const memory = free.pop();
    if (memory !== undefined) return memory;
    await new Promise<void>((resolve) => {
      onSpace = resolve;
    });
  }
}

function answer(message: DecompressAnswer, memory: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, memory);
}

function passed(error: unknown): PassedError {
  const message = messageOf(error);
  if (!(error instanceof LadingError)) return { message };
  return {
    message,
    code: error.code,
    isOfContent: error instanceof ContentError,
    advice: adviceOf(error),
  };
}
