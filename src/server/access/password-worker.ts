import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

// A check blocks for as long as the cost of the hash says: it has a thread of its own for that.
parentPort?.on('message', ({ password, hash }: { password: string; hash: string }) => {
  parentPort?.postMessage(compareSync(password, hash));
});
