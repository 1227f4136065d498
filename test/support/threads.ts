import type { Worker } from 'node:worker_threads';

/** Returns a function that returns the threads started in the current test. */
export function useThreads(): () => Worker[] {
  let started: Worker[] = [];
  const remember = (worker: Worker): number => started.push(worker);
  before(() => process.on('worker', remember));
  after(() => process.off('worker', remember));
  beforeEach(() => {
    started = [];
  });
  return () => started;
}

/** Returns the number of threads that have not ended; those that have ended have the ID -1. */
export function running(threads: readonly Worker[]): number {
  return threads.filter(({ threadId }) => threadId !== -1).length;
}
