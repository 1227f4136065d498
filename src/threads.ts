import { Worker } from 'node:worker_threads';

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
