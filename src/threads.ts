import { type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { embedded } from './program.js';

/**
 * Starts a thread; `path` is its file in `src`, without extension. All threads are started here because paths are
 * relative to this file: it is next to their folders in the library, and also in the bundle, as a shared chunk. The
 * single executable contains their sources.
 */
export function startThread(
  path:
    | 'compression/deflate-worker'
    | 'compression/decompress-worker'
    | 'hashing/worker'
    | 'server/access/password-worker',
): Worker {
  const source = embedded(`${path}.js`);
  if (source !== undefined) return new Worker(source, { eval: true, execArgv: [] });
  // In tests this file is TypeScript, which Node.js cannot load in a thread, so they use the built files.
  const folder = import.meta.url.endsWith('.ts') ? '../dist' : '.';
  return new Worker(new URL(`${folder}/${path}.js`, import.meta.url), { execArgv: [] });
}

/** The message that makes a thread end itself. */
const END = 'end';

/** A thread that has not ended itself after this time is terminated. */
const PATIENCE_MS = 2000;

/**
 * Asks a thread that uses `onRequest` to end itself between two pieces of work, and waits for it. It is terminated only
 * if it does not: if a thread is terminated between creating and initialising a zlib stream, Node.js 20 aborts the
 * whole process ("close before init").
 */
export async function endThread(thread: Worker): Promise<void> {
  if (thread.threadId === ENDED) return;
  const ended = new Promise((resolve) => thread.once('exit', resolve));
  thread.postMessage(END);
  const timer = setTimeout(() => thread.terminate(), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}

/** The thread ID of a thread that has ended. */
const ENDED = -1;

/** To be called in a thread: passes each request to `listener`, and ends the thread if `endThread` asks for it. */
export function onRequest<T>(port: MessagePort | null, listener: (request: T) => void): void {
  port?.on('message', (message: T | typeof END) => {
    if (message === END) process.exit();
    else listener(message);
  });
}

/** To be called in a thread that is working on its only request: ends it if `endThread` has asked for it. */
export function endIfAsked(port: MessagePort | null): void {
  if (port !== null && receiveMessageOnPort(port)?.message === END) process.exit();
}
