import { type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';

/**
 * Starts the thread whose file is `path` under `src`, given without its extension. Threads are started from here
 * because this file lies beside their folders, in the library and (being a shared part) in the bundle alike.
 */
export function startThread(
  path: 'compression/worker' | 'hashing/worker' | 'server/access/password-worker',
): Worker {
  // Under the tests' loader this file is TypeScript, which Node.js cannot load in a thread: the built one is taken.
  const folder = import.meta.url.endsWith('.ts') ? '../dist' : '.';
  return new Worker(new URL(`${folder}/${path}.js`, import.meta.url), { execArgv: [] });
}

/** The message after which a thread ends itself. */
const END = 'end';

/** How long a thread may take to end itself. */
const PATIENCE_MS = 2000;

/**
 * Ends a thread that listens by `onRequest`, between two pieces of its work. It is terminated from outside only when
 * it does not come to that: where termination meets a thread between making a zlib stream and starting it, Node.js 20
 * aborts the whole process ("close before init").
 */
export async function endThread(thread: Worker): Promise<void> {
  if (thread.threadId === ENDED) return;
  const ended = new Promise((resolve) => thread.once('exit', resolve));
  thread.postMessage(END);
  const timer = setTimeout(() => thread.terminate(), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}

/** What Node.js gives as the ID of a thread that has ended. */
const ENDED = -1;

/** For a thread: calls `listener` with each request, and ends the thread when `endThread` says so. */
export function onRequest<T>(port: MessagePort | null, listener: (request: T) => void): void {
  port?.on('message', (message: T | typeof END) => {
    if (message === END) process.exit();
    else listener(message);
  });
}

/** For a thread at work that gets one request at a time: ends it here when `endThread` has said so. */
export function endIfAsked(port: MessagePort | null): void {
  if (port !== null && receiveMessageOnPort(port)?.message === END) process.exit();
}
