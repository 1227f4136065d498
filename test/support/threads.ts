import type { Worker } from 'node:worker_threads';

/** The threads that were started in the test. */
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

/** How many have not ended: Node.js gives those that have the number -1. */
export function running(threads: readonly Worker[]): number {
  return threads.filter(({ threadId }) => threadId !== -1).length;
}
