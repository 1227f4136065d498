import assert from 'node:assert/strict';
import { endThread, startThread } from '../src/threads.js';

describe('a thread', () => {
  it('ends by itself when it is told to, even before it has started, and may be told twice', async () => {
    const thread = startThread('hashing/worker');
    let isTerminated = false;
    thread.terminate = async () => {
      isTerminated = true;
      return 0;
    };
    await Promise.all([endThread(thread), endThread(thread)]);
    assert.equal(thread.threadId, -1);
    assert.equal(isTerminated, false);
    await endThread(thread);
  });

  it('ends in the middle of a region that it hashes', async () => {
    const thread = startThread('hashing/worker');
    const region = { path: '/dev/zero', offset: 0, size: Number.MAX_SAFE_INTEGER };
    const hashing = new Promise((resolve) => thread.once('message', resolve));
    thread.postMessage({ region, algorithm: 'sha256' });
    await hashing;
    const began = performance.now();
    await endThread(thread);
    assert.equal(thread.threadId, -1);
    assert.ok(performance.now() - began < 1500, 'it was terminated from outside');
  });
});
