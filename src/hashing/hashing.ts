import { on } from 'node:events';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { LadingError } from '../errors.js';
import { endThread, startThread } from '../threads.js';
import { type HashRequest, type HashResult, hashRegion } from './hash-region.js';
import type { HashAnswer } from './worker.js';

export type { HashRequest, HashResult } from './hash-region.js';

export interface HashingOptions {
  /** The number of threads; default one per core. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
  onHashed?: ((bytes: number) => void) | undefined;
  /** Uses threads even for little content, so that the caller's thread is not blocked. Default false. */
  alwaysInThreads?: boolean | undefined;
}

/** Below this, starting threads (40 ms of processor time each) costs more than it saves. */
const WORTH_THREADS_BYTES = 64 * 1024 * 1024;

/**
 * Hashes many parts of files with all cores. Calls `onDigest` once for each, in any order, and `onHashed` with the
 * bytes read since the last call. Rejects with `IO` if a file cannot be read, otherwise as `hashRegion` throws.
 */
export async function hashRegions<T extends HashRequest>(
  requests: readonly T[],
  onDigest: (request: T, result: HashResult) => void,
  options: HashingOptions = {},
): Promise<void> {
  const { threads = availableParallelism(), alwaysInThreads = false } = options;
  const totalBytes = requests.reduce((sum, { region }) => sum + region.size, 0);
  // The largest come first, so that no thread begins with a large one when the others are finished.
  const queue = requests.toSorted((a, b) => b.region.size - a.region.size);
  if (!alwaysInThreads && (totalBytes < WORTH_THREADS_BYTES || threads < 2))
    return hashHere(queue, onDigest, options);
  const workers = Array.from({ length: Math.min(threads, queue.length) }, () =>
    startThread('hashing/worker'),
  );
  try {
    await Promise.all(workers.map((worker) => serve(worker, queue, onDigest, options)));
  } finally {
    await Promise.all(workers.map((worker) => endThread(worker)));
  }
}

async function hashHere<T extends HashRequest>(
  queue: readonly T[],
  onDigest: (request: T, result: HashResult) => void,
  { signal, onHashed = () => undefined }: HashingOptions,
): Promise<void> {
  for (const request of queue) {
    await setImmediate();
    signal?.throwIfAborted();
    let result: HashResult;
    try {
      result = await hashRegion(request, (bytes) => {
        signal?.throwIfAborted();
        onHashed(bytes);
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof LadingError ? error : unreadable(request, String(error));
    }
    onDigest(request, result);
  }
}

async function serve<T extends HashRequest>(
  worker: Worker,
  queue: T[],
  onDigest: (request: T, result: HashResult) => void,
  { signal, onHashed }: HashingOptions,
): Promise<void> {
  const answers = on(worker, 'message', { signal }); // also rejects if the thread fails
  let request: T | undefined;
  const askNext = (): boolean => {
    request = queue.shift();
    if (request === undefined) return false;
    const { region, algorithm, decompress, limits, storedAlgorithm } = request;
    const asked: HashRequest = { region, algorithm, decompress, limits, storedAlgorithm };
    worker.postMessage(asked);
    return true;
  };
  if (!askNext()) return;
  for await (const [answer] of answers as AsyncIterable<[HashAnswer]>) {
    if (request === undefined) throw new Error('a thread has answered without a request');
    switch (answer.type) {
      case 'hashed':
        onHashed?.(answer.bytes);
        break;
      case 'digest':
        onDigest(request, answer.result);
        if (!askNext()) return;
        break;
      case 'failed':
        throw answer.code === 'IO'
          ? unreadable(request, answer.message)
          : new LadingError(answer.code, answer.message);
    }
  }
}

function unreadable({ region }: HashRequest, reason: string): LadingError {
  return new LadingError('IO', `${region.path} cannot be read: ${reason}`);
}
