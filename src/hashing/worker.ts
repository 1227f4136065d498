import { parentPort } from 'node:worker_threads';
import { type ErrorCode, isLadingError, messageOf } from '../errors.js';
import { endIfAsked, onRequest } from '../threads.js';
import { type HashRequest, type HashResult, hashRegion } from './hash-region.js';

export type HashAnswer =
  | { type: 'hashed'; bytes: number }
  | { type: 'digest'; result: HashResult }
  | { type: 'failed'; code: ErrorCode; message: string };

onRequest(parentPort, async (request: HashRequest) => {
  const answer = (message: HashAnswer): void => parentPort?.postMessage(message);
  try {
    const result = await hashRegion(request, (bytes) => {
      if (bytes > 0) answer({ type: 'hashed', bytes });
      endIfAsked(parentPort); // hashing blocks the event loop, so the thread gets no messages by itself
    });
    answer({ type: 'digest', result });
  } catch (error) {
    answer({ type: 'failed', code: isLadingError(error) ? error.code : 'IO', message: messageOf(error) });
  }
});
