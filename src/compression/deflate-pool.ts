import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { endThread, startThread } from '../threads.js';
import { BLOCK_BYTES, type Block, DICTIONARY_BYTES, deflateBlock } from './deflate.js';
import type { DeflateAnswer } from './deflate-worker.js';
import { Garbage } from './garbage.js';

// A thread needs 9 MiB. Six compress 400 MB/s, which is about as much as the thread that feeds them can hash.
const MOST_THREADS = 6;
/** Blocks per thread: the one that it works on, and the next one. */
const DEPTH = 2;
/** Threads are not started for smaller content: starting one takes 40 ms of processor time. */
const WORTH_THREADS_BYTES = 1024 * 1024;

export interface DeflatePoolOptions {
  /** Default one per core, at most six. */
  threads?: number | undefined;
}

/** The threads that compress the blocks of all streams, and the memory for these blocks. */
export class DeflatePool {
  readonly #threadCount: number;
  readonly #freeMemory: ArrayBuffer[] = [];
  readonly #garbage = new Garbage();
  #threads: DeflateThread[] = [];
  /** Those that have not ended, the first of them first. */
  readonly #streams: symbol[] = [];
  #closed = false;

  constructor({ threads = Math.min(availableParallelism(), MOST_THREADS) }: DeflatePoolOptions = {}) {
    this.#threadCount = Math.max(1, threads);
  }

  /** Begins a stream, and returns it as a name for `shareOf`. */
  addStream(): symbol {
    const stream = Symbol('stream');
    this.#streams.push(stream);
    return stream;
  }

  removeStream(stream: symbol): void {
    this.#streams.splice(this.#streams.indexOf(stream), 1);
  }

  /**
   * The number of blocks that a stream may have in the pool. The first gets all that keep the threads busy, so that it is
   * finished soon, but for one of each other stream: they fill its pauses, and go on if nobody reads it.
   */
  shareOf(stream: symbol): number {
    const others = this.#streams.length - 1;
    return stream === this.#streams[0] ? Math.max(1, this.#threadCount * DEPTH - others) : 1;
  }

  /** Returns uninitialised memory for one block. */
  takeMemory(): ArrayBuffer {
    return this.#freeMemory.pop() ?? new ArrayBuffer(DICTIONARY_BYTES + BLOCK_BYTES);
  }

  /** Compresses a block, and takes over its memory. `position` is the offset of the block in its stream, in bytes. */
  async deflate(block: Block, position: number): Promise<Buffer> {
    if (this.#closed) throw new Error('the compressor was closed');
    if (this.#threads.length === 0 && position < WORTH_THREADS_BYTES) {
      const deflated = await deflateBlock(block);
      this.#freeMemory.push(block.memory);
      return deflated;
    }
    const { deflated, memory } = await this.#leastLoaded().deflate(block);
    this.#freeMemory.push(memory);
    this.#garbage.add(deflated.buffer.byteLength);
    return Buffer.from(deflated.buffer, deflated.byteOffset, deflated.length);
  }

  /** Stops all threads; blocks that are not done fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  #leastLoaded(): DeflateThread {
    if (this.#threads.length === 0) {
      this.#threads = Array.from({ length: this.#threadCount }, () => new DeflateThread());
    }
    return this.#threads.reduce((least, thread) => (thread.load < least.load ? thread : least));
  }
}

/** A thread that compresses blocks in the order in which they are passed to it. */
class DeflateThread {
  readonly #worker: Worker = startThread('compression/deflate-worker');
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  constructor() {
    this.#worker.on('message', (answer: DeflateAnswer) => this.#waiting.shift()?.resolve(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that compresses has ended')));
  }

  /** The number of blocks that are not done yet. */
  get load(): number {
    return this.#waiting.length;
  }

  /** Compresses a block. Its memory is transferred to the thread, and comes back with the result. */
  deflate(block: Block): Promise<DeflateAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(block, [block.memory]);
    });
  }

  /** Stops the thread after the blocks that it has. */
  end(): Promise<void> {
    return endThread(this.#worker);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}

interface Waiting {
  resolve: (answer: DeflateAnswer) => void;
  reject: (error: Error) => void;
}
