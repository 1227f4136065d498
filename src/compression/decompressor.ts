import type { Worker } from 'node:worker_threads';
import { ContentError, LadingError } from '../errors.js';
import { endThread, startThread } from '../threads.js';
import { decompressed, type OpenCompressed } from './compression.js';
import type { DecompressAnswer, DecompressRequest } from './decompress-worker.js';
import { inPieces, PIECE_BYTES } from './pieces.js';

/** Each takes 30 MiB, and two fill the thread that hashes what they give. */
const THREADS = 2;
/** A thread is not used for smaller content: starting one takes 40 ms of processor time. */
const WORTH_A_THREAD_BYTES = 4 * 1024 * 1024;
/** Pieces of input that lie in a thread, so that it never waits for the next one. */
const PIECES_AHEAD = 4;

export interface ThreadedOptions {
  /** Bytes of the compressed content. */
  size: number;
  /** The name of the content in errors. */
  name: string;
  signal?: AbortSignal | undefined;
}

/**
 * Decompresses several streams at once, each in a thread of its own. Threads start with the first content that is worth
 * one, and are used again until `close`. The caller runs at most `atOnce` streams at a time.
 */
export class Decompressor {
  /** How many streams may be decompressed at a time. */
  readonly atOnce: number;
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  constructor({ threads = THREADS }: { threads?: number } = {}) {
    this.atOnce = threads;
  }

  /**
   * Yields the plain form of what `open` returns, in pieces of 256 KiB. Each is valid only until the next one is asked
   * for. Throws as the stream of `decompressed` fails.
   */
  async *decompress(open: OpenCompressed, options: ThreadedOptions): AsyncGenerator<Buffer> {
    const { signal, name, size } = options;
    signal?.throwIfAborted();
    if (size >= WORTH_A_THREAD_BYTES) return yield* this.#inThread(open, options);
    yield* inPieces(await decompressed(open, { signal, name }));
  }

  /** Stops the threads; streams that have not ended fail. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((thread) => this.#end(thread)));
  }

  async *#inThread(open: OpenCompressed, { signal, name }: ThreadedOptions): AsyncGenerator<Buffer> {
    const thread = this.#idle.pop() ?? this.#start();
    const stream = new ThreadStream(thread, open, signal);
    let isWhole = false;
    try {
      stream.ask({ type: 'begin', name });
      yield* stream.output();
      isWhole = true;
    } finally {
      stream.release();
      if (isWhole) this.#idle.push(thread);
      else await this.#end(thread);
    }
  }

  #start(): Worker {
    const thread = startThread('compression/decompress-worker');
    this.#all.add(thread);
    // Also while nobody reads from it: an error without a listener would end the process.
    thread
      .on('error', () => undefined)
      .once('exit', () => {
        this.#all.delete(thread);
        const index = this.#idle.indexOf(thread);
        if (index >= 0) this.#idle.splice(index, 1);
      });
    return thread;
  }

  async #end(thread: Worker): Promise<void> {
    this.#all.delete(thread);
    await endThread(thread);
  }
}

/** The exchange with a thread about one stream. */
class ThreadStream {
  readonly #thread: Worker;
  readonly #open: OpenCompressed;
  readonly #signal: AbortSignal | undefined;
  readonly #answers: DecompressAnswer[] = [];
  #failure: { error: unknown } | undefined;
  #wake: () => void = () => undefined;
  /** The source that the thread reads now; it may ask for it to be opened again. */
  #source: Source | undefined;
  readonly #onMessage = (answer: DecompressAnswer): void => this.#take(answer);
  readonly #onError = (error: unknown): void => this.#fail(error);
  readonly #onExit = (): void => this.#fail(new Error('the thread that decompresses has ended'));
  readonly #onAbort = (): void => this.#fail(this.#signal?.reason);

  constructor(thread: Worker, open: OpenCompressed, signal: AbortSignal | undefined) {
    this.#thread = thread;
    this.#open = open;
    this.#signal = signal;
    thread.on('message', this.#onMessage).on('error', this.#onError).on('exit', this.#onExit);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  ask(request: DecompressRequest, memory: ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, memory);
  }

  async *output(): AsyncGenerator<Buffer> {
    for (;;) {
      const answer = await this.#next();
      if (answer.type === 'failed') throw errorOf(answer);
      if (answer.type === 'end') return;
      if (answer.type !== 'output') throw new Error(`a thread has answered with ${answer.type}`);
      yield Buffer.from(answer.memory, 0, answer.length);
      this.ask({ type: 'space', memory: answer.memory }, [answer.memory]);
    }
  }

  /** Lets go of the thread and of the source. */
  release(): void {
    this.#thread.off('message', this.#onMessage).off('error', this.#onError).off('exit', this.#onExit);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#source?.stop();
  }

  async #next(): Promise<DecompressAnswer> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #take(answer: DecompressAnswer): void {
    if (answer.type === 'open') this.#openSource(answer.number);
    else if (answer.type === 'taken') this.#source?.giveBack(answer.memory);
    else {
      this.#answers.push(answer);
      this.#wake();
    }
  }

  #openSource(number: number): void {
    this.#source?.stop();
    const source = new Source((memory, length) =>
      this.ask({ type: 'input', number, memory, length }, [memory]),
    );
    this.#source = source;
    source.run(this.#open, this.#signal).catch((error) => {
      if (source === this.#source) this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }
}

/** Passes a source on to a thread, as fast as the thread takes it. */
class Source {
  /** Passes memory on, of which `length` bytes are content; no bytes are the end. */
  readonly #pass: (memory: ArrayBuffer, length: number) => void;
  readonly #stopping = new AbortController();
  readonly #free = Array.from({ length: PIECES_AHEAD }, () => new ArrayBuffer(PIECE_BYTES));
  #wake: () => void = () => undefined;

  constructor(pass: (memory: ArrayBuffer, length: number) => void) {
    this.#pass = pass;
  }

  async run(open: OpenCompressed, outer: AbortSignal | undefined): Promise<void> {
    const stopping = this.#stopping.signal;
    const signal = outer === undefined ? stopping : AbortSignal.any([outer, stopping]);
    const stream = await open({ signal });
    const stop = (): void => void stream.destroy();
    stopping.addEventListener('abort', stop);
    try {
      for await (const piece of inPieces(stream, () => this.#takeMemory()))
        this.#pass(piece.buffer, piece.byteLength);
      this.#pass(new ArrayBuffer(0), 0);
    } finally {
      stopping.removeEventListener('abort', stop);
    }
  }

  /** The thread has taken what was in this memory. */
  giveBack(memory: ArrayBuffer): void {
    this.#free.push(memory);
    this.#wake();
  }

  stop(): void {
    this.#stopping.abort(new Error('the source is not read any more'));
    this.#wake();
  }

  async #takeMemory(): Promise<ArrayBuffer> {
    for (;;) {
      this.#stopping.signal.throwIfAborted();
      const memory = this.#free.pop();
      if (memory !== undefined) return memory;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function errorOf({ error }: DecompressAnswer & { type: 'failed' }): Error {
  if (error.code === undefined) return new Error(error.message);
  const Kind = error.isOfContent ? ContentError : LadingError;
  return new Kind(error.code, error.message, error.advice);
}
