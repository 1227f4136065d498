import type { Worker } from 'node:worker_threads';
import { endThread, startThread } from '../threads.js';
import type { Block } from './deflate.js';
import type { DeflateAnswer } from './worker.js';

/** A thread that compresses blocks in the order in which they are passed to it. */
export class DeflateThread {
  readonly #worker: Worker = startThread('compression/worker');
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
