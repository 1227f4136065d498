import assert from 'node:assert/strict';
import type { CopyEvent } from '../../src/events.js';
import { save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { type LimitedRegistry, limitPulls } from '../support/limited-registry.js';
import { useFolder } from '../support/temporary.js';

/** Time that passes only while somebody waits; `onTime` is called with each new time. */
function makeClock(onTime: (ms: number) => void = () => undefined) {
  let time = 0;
  const clock = {
    now: () => time,
    async wait(delayMs: number, signal?: AbortSignal) {
      signal?.throwIfAborted();
      time += delayMs;
      onTime(time);
    },
  };
  return { clock, time: () => time };
}

describe('a save that waits for pulls', () => {
  const path = useFolder();
  const IMAGES = Array.from({ length: 12 }, (_, at) => `app:${at}`);
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    for (const name of IMAGES) await registry.put(name, await makeImage({ seed: name, layers: [50] }));
  });
  after(() => registry.close());

  const saving = (limited: LimitedRegistry, more: Partial<SaveOptions>): SaveOptions => ({
    images: IMAGES.map((name) => `${limited.name}/${name}`),
    referrers: false,
    output: path('x.tar'),
    retries: 1,
    ...more,
  });

  const FORMS: [what: string, options: { tells?: boolean; retryAfter?: number }][] = [
    ['what is left', {}],
    ['what is left, and when to come back', { retryAfter: 3600 }],
    ['only when to come back', { tells: false, retryAfter: 3600 }],
    ['nothing', { tells: false }],
  ];
  for (const [what, options] of FORMS)
    it(`gets everything from a registry that says ${what}`, async () => {
      await using limited = await limitPulls(registry.name, { limit: 5, windowSeconds: 3600, ...options });
      let windows = 0;
      const { clock, time } = makeClock((now) => {
        // A window begins anew each hour.
        if (Math.floor(now / 3_600_000) === windows) return;
        windows = Math.floor(now / 3_600_000);
        limited.left = 5;
      });
      const events: CopyEvent[] = [];
      const saved = await save(
        saving(limited, { waitForPulls: clock, onEvent: (event) => events.push(event) }),
      );
      assert.deepEqual([saved.images.length, limited.pulls], [12, 12]);
      const pauses = events.filter(({ type }) => type === 'pausing');
      assert(pauses.length >= 2 && pauses.length < 60, `${pauses.length} pauses`);
      assert(time() >= 2 * 3_600_000 && time() < 8 * 3_600_000, `${time() / 3_600_000} h`);
    });

  it('fails without it, and says what can be done', async () => {
    await using limited = await limitPulls(registry.name, {
      limit: 5,
      windowSeconds: 3600,
      retryAfter: 3600,
    });
    await assert.rejects(save(saving(limited, {})), {
      code: 'TOO_MANY_REQUESTS',
      hint: /asks to wait 60 minutes/,
    });
  });

  it('gives up after a day in which the registry answers nothing', async () => {
    await using limited = await limitPulls(registry.name, { limit: 5, windowSeconds: 3600, tells: false });
    const { clock, time } = makeClock();
    await assert.rejects(save(saving(limited, { waitForPulls: clock })), { code: 'TOO_MANY_REQUESTS' });
    assert(time() > 24 * 3_600_000 && time() < 30 * 3_600_000, `${time() / 3_600_000} h`);
  });

  it('stops at once when it is aborted', async () => {
    await using limited = await limitPulls(registry.name, { limit: 5, windowSeconds: 3600 });
    const stop = new AbortController();
    const began = performance.now();
    const run = save(
      saving(limited, {
        waitForPulls: true,
        signal: stop.signal,
        onEvent: ({ type }) => type === 'pausing' && stop.abort(),
      }),
    );
    await assert.rejects(run, { code: 'ABORTED' });
    assert(performance.now() - began < 5_000);
  });

  it('does not wait where enough is left', async () => {
    await using limited = await limitPulls(registry.name, { limit: 12, windowSeconds: 3600 });
    const { clock, time } = makeClock();
    await save(saving(limited, { waitForPulls: clock }));
    assert.deepEqual([limited.pulls, time()], [12, 0]);
  });
});
