import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { createPool } from '../src/pool.js';

describe('createPool', () => {
  it('starts tasks in the order they come, so many at once', async () => {
    const pool = createPool(3);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const tasks = Array.from({ length: 20 }, (_, number) =>
      pool.run(async () => {
        started.push(number);
        most = Math.max(most, ++running);
        for (let turns = number % 4; turns >= 0; turns--) await turn();
        running--;
        return number * 2;
      }),
    );
    assert.deepEqual(
      await Promise.all(tasks),
      Array.from({ length: 20 }, (_, number) => number * 2),
    );
    assert.deepEqual(
      started,
      started.toSorted((a, b) => a - b),
    );
    assert.equal(most, 3);
  });

  it('has 64 places for small tasks beside the others, and one for all where one is asked for', async () => {
    const counts = async (concurrency: number): Promise<{ large: number; small: number; both: number }> => {
      const pool = createPool(concurrency);
      const running = { large: 0, small: 0 };
      const most = { large: 0, small: 0, both: 0 };
      const task = (kind: 'large' | 'small') => async () => {
        running[kind]++;
        most[kind] = Math.max(most[kind], running[kind]);
        most.both = Math.max(most.both, running.large + running.small);
        await turn();
        running[kind]--;
      };
      await Promise.all([
        ...Array.from({ length: 100 }, () => pool.run(task('large'))),
        ...Array.from({ length: 100 }, () => pool.runSmall(task('small'))),
      ]);
      return most;
    };
    assert.deepEqual(await counts(8), { large: 8, small: 64, both: 72 });
    assert.deepEqual(await counts(1), { large: 1, small: 1, both: 1 });
  });

  it('lends places that no task needs, until one waits', async () => {
    const pool = createPool(2);
    let finish = (): void => undefined;
    const running = pool.run(() => new Promise<void>((resolve) => (finish = resolve)));
    const place = pool.takeFree();
    assert.equal(place?.isWanted, false);
    assert.equal(pool.takeFree(), undefined);
    let isStarted = false;
    const waiting = pool.run(async () => {
      isStarted = true;
    });
    await turn();
    assert.deepEqual([place.isWanted, isStarted], [true, false]);
    place.giveBack();
    place.giveBack();
    await waiting;
    await turn();
    assert.deepEqual([place.isWanted, isStarted], [false, true]);
    assert.notEqual(pool.takeFree(), undefined);
    assert.equal(pool.takeFree(), undefined); // given back once, although twice was tried
    finish();
    await running;
    pool.abort(new Error('over'));
    assert.equal(pool.takeFree(), undefined);
  });

  it('goes on after a task that failed', async () => {
    const pool = createPool(1);
    const failed = pool.run(async () => {
      throw new Error('one');
    });
    const next = pool.run(async () => 'two');
    await assert.rejects(failed, { message: 'one' });
    assert.equal(await next, 'two');
    assert.equal(pool.signal.aborted, false);
  });

  it('tells what runs to stop, and rejects what waits and what comes', async () => {
    const pool = createPool(1);
    const running = pool.run(
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    );
    let began = false;
    const waiting = pool.run(async () => {
      began = true;
    });
    pool.abort(new Error('enough'));
    await assert.rejects(running, { message: 'stopped' });
    await assert.rejects(waiting, { message: 'enough' });
    await assert.rejects(
      pool.run(async () => undefined),
      { message: 'enough' },
    );
    assert.equal(began, false);
  });

  it("follows its caller's signal, also one that was aborted before", async () => {
    const controller = new AbortController();
    const pool = createPool(1, controller.signal);
    controller.abort(new Error('caller'));
    for (const stopped of [pool, createPool(1, AbortSignal.abort(new Error('caller')))]) {
      await assert.rejects(
        stopped.run(async () => undefined),
        { message: 'caller' },
      );
    }
  });

  it('lets as many tasks as there are listen to its signal', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const pool = createPool(20);
    const tasks = Array.from({ length: 20 }, () =>
      pool.run(async (signal) => signal.addEventListener('abort', () => undefined)),
    );
    await Promise.all(tasks);
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });
});
