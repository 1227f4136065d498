import { createHash } from 'node:crypto';
import { on } from 'node:events';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LadingError, messageOf } from './errors.js';
import type { Region } from './files.js';
import type { HashAnswer, HashRequest } from './hash-worker.js';

export interface HashingOptions {
  /** Default one a core. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onHashed?: ((bytes: number) => void) | undefined;
}

/** Below this, starting threads (40 ms of processor time each) costs more than it saves. */
const WORTH_THREADS_BYTES = 64 * 1024 * 1024;

/** Hashes many parts of files with all cores; `onDigest` is called once for each, in no order. */
export async function hashRegions<T extends HashRequest>(
  requests: readonly T[],
  onDigest: (request: T, hex: string) => void,
  options: HashingOptions = {},
): Promise<void> {
  const { threads = availableParallelism(), signal, onHashed } = options;
  const totalBytes = requests.reduce((sum, { region }) => sum + region.size, 0);
  // Largest first: the last thread to end is then not the one that began last with the most.
  const queue = requests.toSorted((a, b) => b.region.size - a.region.size);
  if (totalBytes < WORTH_THREADS_BYTES || threads < 2) {
    for (const request of queue) {
      signal?.throwIfAborted();
      onDigest(request, await hashHere(request.region, request.algorithm));
      onHashed?.(request.region.size);
    }
    return;
  }
  const workers = Array.from({ length: Math.min(threads, queue.length) }, startWorker);
  try {
    await Promise.all(workers.map((worker) => serve(worker, queue, onDigest, options)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

async function serve<T extends HashRequest>(
  worker: Worker,
  queue: T[],
  onDigest: (request: T, hex: string) => void,
  { signal, onHashed }: HashingOptions,
): Promise<void> {
  const answers = on(worker, 'message', { signal }); // also rejects when the thread fails
  let request: T | undefined;
  const askNext = (): boolean => {
    request = queue.shift();
    if (request === undefined) return false;
    worker.postMessage({ region: request.region, algorithm: request.algorithm } satisfies HashRequest);
    return true;
  };
  if (!askNext()) return;
  for await (const [answer] of answers as AsyncIterable<[HashAnswer]>) {
    if (request === undefined) throw new Error('a thread answers what it was asked');
    switch (answer.type) {
      case 'hashed':
        onHashed?.(answer.bytes);
        break;
      case 'digest':
        onDigest(request, answer.hex);
        if (!askNext()) return;
        break;
      case 'failed':
        throw new LadingError('IO', `${request.region.path} cannot be read: ${answer.message}`);
    }
  }
}

function startWorker(): Worker {
  // Under the tests' loader this file is TypeScript, and so is the worker's.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./hash-worker.${extension}`, import.meta.url));
}

async function hashHere(region: Region, algorithm: string): Promise<string> {
  const hash = createHash(algorithm);
  const file = await open(region.path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(1024 * 1024, region.size)));
    for (let done = 0; done < region.size; ) {
      const length = Math.min(buffer.byteLength, region.size - done);
      const { bytesRead } = await file.read(buffer, 0, length, region.offset + done);
      if (bytesRead === 0) throw new LadingError('IO', `${region.path} ended early`);
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
  } catch (error) {
    if (error instanceof LadingError) throw error;
    throw new LadingError('IO', `${region.path} cannot be read: ${messageOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
