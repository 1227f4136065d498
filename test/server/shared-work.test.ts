import assert from 'node:assert/strict';
import { once } from 'node:events';
import { SharedWork } from '../../src/server/shared-work.js';

describe('SharedWork', () => {
  /** Work that ends when it is aborted or when `finish` is called. */
  function held() {
    const signals: AbortSignal[] = [];
    let finish: (value: string) => void = () => undefined;
    const start = (signal: AbortSignal): Promise<string> => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        finish = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    return { start, signals, finish: (value: string) => finish(value) };
  }

  it('is done once for all who wait for it', async () => {
    const { start, signals, finish } = held();
    const work = new SharedWork<string, string>();
    const waiting = [work.join('a', start), work.join('a', start)];
    finish('done');
    assert.deepEqual(await Promise.all(waiting), ['done', 'done']);
    assert.equal(signals.length, 1);
  });

  it('goes on when one of those who wait leaves, and is aborted when the last one does', async () => {
    const { start, signals } = held();
    const work = new SharedWork<string, string>();
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = [work.join('a', start, first.signal), work.join('a', start, second.signal)];
    first.abort();
    await assert.rejects(waiting[0] ?? Promise.resolve(), { name: 'AbortError' });
    assert.equal(signals[0]?.aborted, false);
    second.abort();
    await assert.rejects(waiting[1] ?? Promise.resolve(), { name: 'AbortError' });
    assert.equal(signals[0]?.aborted, true);
  });

  it('begins anew for who comes when it was aborted, though it has not ended yet', async () => {
    const work = new SharedWork<string, string>();
    const gone = new AbortController();
    const slow = work.join('a', () => new Promise<string>(() => undefined), gone.signal);
    gone.abort();
    await assert.rejects(slow, { name: 'AbortError' });
    assert.equal(await work.join('a', async () => 'anew'), 'anew');
  });

  it('is started for nobody who has left already', async () => {
    const work = new SharedWork<string, string>();
    let started = 0;
    const start = async () => `${++started}`;
    await assert.rejects(work.join('a', start, AbortSignal.abort()), { name: 'AbortError' });
    assert.equal(started, 0);
  });

  it('ends with what it was closed for', async () => {
    const { start, signals } = held();
    const work = new SharedWork<string, string>();
    const waiting = work.join('a', start);
    const aborted = once(signals[0] ?? new EventTarget(), 'abort');
    const reason = new Error('closing');
    await Promise.all([assert.rejects(waiting, reason), work.close(reason)]);
    await aborted;
  });
});
