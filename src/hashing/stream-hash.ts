import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../threads.js';
import type { StreamHashAnswer, StreamHashRequest } from './stream-worker.js';

/** A running hash, made beside what else becomes of the same bytes. */
export interface StreamHash {
  /**
   * Resolves when the bytes were hashed. Shared memory is read where it is, and must not change before; other
   * memory is copied.
   */
  update(chunk: Uint8Array): Promise<void>;
  /** Ends the hash, in hexadecimal; it can be called once. */
  digest(): Promise<string>;
  /** Ends a hash that nobody wants any more. */
  close(): void;
}

/** Starting a thread takes 40 ms of processor time: as long as hashing 15 to 50 MB. */
const WORTH_THREAD_BYTES = 32 * 1024 * 1024;
/** A thread without work is kept so long: layers follow each other. */
const IDLE_MS = 1000;

const threads = new Set<HashThread>();

/** A hash of content of about so many bytes, in a thread where that is worth one. */
export function createStreamHash(algorithm: string, bytes: number): StreamHash {
  // One core is the main thread's own.
  const most = availableParallelism() - 1;
  if (bytes < WORTH_THREAD_BYTES || most < 1) return hashHere(algorithm);
  const all = [...threads];
  const idle = all.find(({ streams }) => streams === 0);
  const thread =
    idle ?? (all.length < most ? new HashThread() : all.reduce((a, b) => (b.streams < a.streams ? b : a)));
  return thread.open(algorithm);
}

function hashHere(algorithm: string): StreamHash {
  const hash = createHash(algorithm);
  return {
    async update(chunk) {
      hash.update(chunk);
    },
    digest: async () => hash.digest('hex'),
    close: () => undefined,
  };
}

class HashThread {
  readonly #worker: Worker = startThread('hashing/stream-worker');
  readonly #waiting: { resolve: (answer: StreamHashAnswer) => void; reject: (error: Error) => void }[] = [];
  #lastStream = 0;
  #streams = 0;
  #failure: Error | undefined;
  #ending: NodeJS.Timeout | undefined;

  constructor() {
    threads.add(this);
    this.#worker.on('message', (answer: StreamHashAnswer) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that hashes has ended')));
    // It holds up the end of the process while it is waited for, and not else. Listening has made it do so.
    this.#worker.unref();
  }

  /** Hashes that have begun and not ended. */
  get streams(): number {
    return this.#streams;
  }

  open(algorithm: string): StreamHash {
    clearTimeout(this.#ending);
    this.#streams += 1;
    this.#lastStream += 1;
    const stream = this.#lastStream;
    let isOpen = true;
    const end = (): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#streams -= 1;
      if (this.#streams === 0) this.#ending = setTimeout(() => this.#end(), IDLE_MS).unref();
    };
    this.#send({ type: 'start', stream, algorithm });
    return {
      update: async (chunk) => {
        await this.#ask({ type: 'update', stream, chunk });
      },
      digest: async () => {
        const answered = this.#ask({ type: 'end', stream });
        end();
        const { hex = '' } = await answered;
        return hex;
      },
      close: () => {
        if (isOpen) this.#send({ type: 'forget', stream });
        end();
      },
    };
  }

  #send(request: StreamHashRequest): void {
    this.#worker.postMessage(request);
  }

  #ask(request: StreamHashRequest): Promise<StreamHashAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#send(request);
    });
  }

  #fail(error: Error): void {
    threads.delete(this);
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  #end(): void {
    threads.delete(this);
    void this.#worker.terminate();
  }
}
