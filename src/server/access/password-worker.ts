import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

// A check blocks its thread for the time that the hash's cost determines.
parentPort?.on('message', ({ password, hash }: { password: string; hash: string }) => {
  parentPort?.postMessage(compareSync(password, hash));
});
