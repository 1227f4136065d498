import assert from 'node:assert/strict';
import { FairQueue, type FairQueueOptions } from '../../src/server/fair-queue.js';

describe('FairQueue', () => {
  /** A queue whose tasks end when the test says so; `run('a/x/1')` is task 1 of lane x of client a. */
  function queueOf(options: Partial<FairQueueOptions> = {}) {
    const queue = new FairQueue({ concurrency: 1, most: 100, refuse: () => new Error('full'), ...options });
    const started: string[] = [];
    const ends: (() => void)[] = [];
    const run = (name: string, signal?: AbortSignal): Promise<string> => {
      const [client = '', lane = ''] = name.split('/');
      return queue.run(
        { client, lane },
        () =>
          new Promise<string>((resolve) => {
            started.push(name);
            ends.push(() => resolve(name));
          }),
        signal,
      );
    };
    const endAll = async (tasks: Promise<unknown>[]): Promise<void> => {
      const over = Promise.allSettled(tasks);
      let isOver = false;
      over.then(() => {
        isOver = true;
      });
      while (!isOver) {
        ends.shift()?.();
        await new Promise(setImmediate);
      }
    };
    return { queue, run, started, endAll };
  }

  it('gives clients turns, and lanes within a client', async () => {
    const { run, started, endAll } = queueOf();
    const names = ['a/x/1', 'a/x/2', 'a/x/3', 'a/y/1', 'b/x/1', 'b/x/2', 'c/x/1'];
    await endAll(names.map((name) => run(name)));
    assert.deepEqual(started, ['a/x/1', 'a/x/2', 'b/x/1', 'c/x/1', 'a/y/1', 'b/x/2', 'a/x/3']);
  });

  it('gives the next turn to others, when a client comes back as soon as it has had one', async () => {
    const { run, started, endAll } = queueOf();
    const again = run('a/x/1').then(() => run('a/x/2'));
    await endAll([again, run('b/x/1'), run('c/x/1')]);
    assert.deepEqual(started, ['a/x/1', 'b/x/1', 'c/x/1', 'a/x/2']);
  });

  it('leaves a place to others where one client may not have all', async () => {
    const { run, started, endAll } = queueOf({ concurrency: 2, concurrencyOfClient: 1 });
    const tasks = ['a/x/1', 'a/x/2', 'b/x/1'].map((name) => run(name));
    assert.deepEqual(started, ['a/x/1', 'b/x/1']);
    await endAll(tasks);
    assert.deepEqual(started, ['a/x/1', 'b/x/1', 'a/x/2']);
  });

  const refusals: [what: string, options: Partial<FairQueueOptions>, waiting: string[], refused: string][] = [
    ['the newest of a client that has all the room', { most: 2 }, ['a/x/1', 'a/x/2', 'b/x/1'], 'a/x/2'],
    ['the newcomer, when no client has two more', { most: 2 }, ['a/x/1', 'b/x/1', 'c/x/1'], 'c/x/1'],
    ['the newcomer, when it has the room itself', { most: 2 }, ['a/x/1', 'a/x/2', 'a/x/3'], 'a/x/3'],
    ['the newest of the lane with most', { mostOfClient: 2 }, ['a/x/1', 'a/x/2', 'a/y/1'], 'a/x/2'],
    ['the newcomer beyond the room of a client', { mostOfClient: 1 }, ['a/x/1', 'b/x/1', 'a/y/1'], 'a/y/1'],
  ];
  for (const [what, options, waiting, refused] of refusals) {
    it(`refuses where there is no room to wait: ${what}`, async () => {
      const { run, endAll } = queueOf(options);
      const tasks = ['z', ...waiting].map((name) => run(name));
      await endAll(tasks);
      const outcomes = await Promise.allSettled(tasks);
      assert.deepEqual(
        outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [waiting[index - 1]] : [])),
        [refused],
      );
    });
  }

  it('runs no task whose client has gone, and has its room again', async () => {
    const { queue, run, started, endAll } = queueOf({ most: 1 });
    const gone = new AbortController();
    const first = run('a/x/1');
    const left = run('a/x/2', gone.signal);
    assert.equal(queue.waiting, 1);
    gone.abort();
    await assert.rejects(left, { name: 'AbortError' });
    assert.equal(queue.waiting, 0);
    await endAll([first, run('b/x/1')]);
    assert.deepEqual(started, ['a/x/1', 'b/x/1']);
    await assert.rejects(run('c/x/1', gone.signal), { name: 'AbortError' });
  });

  it('goes on after a task that failed', async () => {
    const queue = new FairQueue({ concurrency: 1, most: 1, refuse: () => new Error('full') });
    const failing = queue.run({ client: 'a' }, async () => {
      throw new Error('broken');
    });
    const next = queue.run({ client: 'a' }, async () => 'done');
    await assert.rejects(failing, { message: 'broken' });
    assert.equal(await next, 'done');
  });
});
