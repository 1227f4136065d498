import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { endThread, startThread } from '../threads.js';
import { BLOCK_BYTES, type Block, DICTIONARY_BYTES, deflateBlock } from './deflate.js';
import { Garbage } from './garbage.js';
import type { DeflateAnswer } from './worker.js';

// A thread takes 9 MiB, and six compress 400 MB/s: about as much as the thread that feeds them can hash.
const MOST_THREADS = 6;
/** Blocks for each thread: the one it works on and the one it takes up next. */
const DEPTH = 2;
/** Content up to here does without threads of its own: starting one takes 40 ms of processor time. */
const WORTH_THREADS_BYTES = 1024 * 1024;

export interface DeflatePoolOptions {
  /** Default one a core, six at most. */
  threads?: number | undefined;
}

/** The threads that compress the blocks of any number of streams, and the memory these blocks lie in. */
export class DeflatePool {
  readonly #threadCount: number;
  readonly #freeMemory: ArrayBuffer[] = [];
  readonly #garbage = new Garbage();
  #threads: DeflateThread[] = [];
  #streams = 0;
  #closed = false;

  constructor({ threads = Math.min(availableParallelism(), MOST_THREADS) }: DeflatePoolOptions = {}) {
    this.#threadCount = Math.max(1, threads);
  }

  /**
   * How many blocks a stream may have under way: its share of what keeps all threads busy, so that memory does
   * not grow with the number of streams, but at least one, so that a stream that nobody reads blocks no other.
   */
  get share(): number {
    return Math.max(1, Math.floor((this.#threadCount * DEPTH) / this.#streams));
  }

  addStream(): void {
    this.#streams++;
  }

  removeStream(): void {
    this.#streams--;
  }

  /** Memory for one block, whose bytes may be anything. */
  takeMemory(): ArrayBuffer {
    return this.#freeMemory.pop() ?? new ArrayBuffer(DICTIONARY_BYTES + BLOCK_BYTES);
  }

  /** Takes the block's memory away. `position` is where the block begins in its stream. */
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

  /** Ends all threads; what is under way fails. */
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

/** A thread that compresses blocks, in the order in which it is given them. */
class DeflateThread {
  readonly #worker: Worker = startThread('compression/worker');
  readonly #waiting: Waiting[] = [];
  #failure: Error | undefined;

  constructor() {
    this.#worker.on('message', (answer: DeflateAnswer) => this.#waiting.shift()?.resolve(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that compresses has ended')));
  }

  /** How many blocks it has been given and not answered. */
  get load(): number {
    return this.#waiting.length;
  }

  /** Takes the block's memory away, and gives it back with the result. */
  deflate(block: Block): Promise<DeflateAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(block, [block.memory]);
    });
  }

  /** Ends the thread, after the blocks that it has. */
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
