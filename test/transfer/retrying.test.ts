import assert from 'node:assert/strict';
import { LadingError, RegistryError } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { retrying } from '../../src/retry.js';

const MEGABYTE = 1024 * 1024;
/** May be tried again at once. */
const broken = (): RegistryError => new RegistryError('CUT_SHORT', 'broken', { retryAfterMs: 1 });

describe('retrying', () => {
  const failing =
    (times: number, error: () => Error = broken) =>
    async (): Promise<string> => {
      if (times-- > 0) throw error();
      return 'done';
    };

  it('tries again as often as it may, and tells of each time', async () => {
    const events: CopyEvent[] = [];
    const onEvent = (event: CopyEvent): void => {
      events.push(event);
    };
    assert.equal(await retrying('a blob', failing(3), { retries: 3, onEvent }), 'done');
    assert.deepEqual(
      events.map((event) => event.type === 'retrying' && [event.what, event.attempt, event.delayMs]),
      [
        ['a blob', 1, 1],
        ['a blob', 2, 1],
        ['a blob', 3, 1],
      ],
    );
    await assert.rejects(retrying('a blob', failing(4), { retries: 3 }), { code: 'CUT_SHORT' });
    await assert.rejects(retrying('a blob', failing(1), { retries: 0 }), { code: 'CUT_SHORT' });
  });

  it('does not repeat what cannot succeed', async () => {
    let attempts = 0;
    const attempt = async (): Promise<never> => {
      attempts++;
      throw new LadingError('NOT_FOUND', 'gone');
    };
    await assert.rejects(retrying('a blob', attempt, {}), { code: 'NOT_FOUND' });
    assert.equal(attempts, 1);
  });

  it('counts anew after a megabyte of progress', async () => {
    let bytes = 0;
    const attempt = async (): Promise<string> => {
      if (bytes >= 10 * MEGABYTE) return 'done';
      bytes += MEGABYTE;
      throw broken();
    };
    assert.equal(await retrying('a blob', attempt, { retries: 1 }, () => bytes), 'done');

    bytes = 0;
    const slow = async (): Promise<string> => {
      bytes += MEGABYTE / 2;
      throw broken();
    };
    await assert.rejects(
      retrying('a blob', slow, { retries: 1 }, () => bytes),
      { code: 'CUT_SHORT' },
    );
    assert.equal(bytes, MEGABYTE);
  });

  it('stops at once when it is told to, while it waits too', async () => {
    const controller = new AbortController();
    const waits = retrying(
      'a blob',
      failing(1, () => new RegistryError('TIMEOUT', 'later', { retryAfterMs: 60_000 })),
      {
        signal: controller.signal,
        onEvent: () => controller.abort(),
      },
    );
    await assert.rejects(waits, { name: 'AbortError' });
    const stopped = AbortSignal.abort();
    await assert.rejects(retrying('a blob', failing(1), { signal: stopped }), { code: 'CUT_SHORT' });
  });
});
