import assert from 'node:assert/strict';
import { RecentlySeen } from '../../../src/store/layout/recently-seen.js';

describe('what was seen on a disk a moment ago', () => {
  let time = 0;
  let looks = 0;
  const looking =
    <Value>(value: Value) =>
    async (): Promise<Value> => {
      looks += 1;
      return value;
    };
  beforeEach(() => {
    [time, looks] = [0, 0];
  });
  const create = (): RecentlySeen<string, number> => new RecentlySeen({ now: () => time });

  it('is not looked for until a second has passed', async () => {
    const seen = create();
    assert.equal(await seen.get('a', looking(1)), 1);
    time = 999;
    assert.equal(await seen.get('a', looking(2)), 1);
    assert.equal(await seen.get('b', looking(3)), 3);
    time = 1000;
    assert.equal(await seen.get('a', looking(2)), 2);
    assert.equal(looks, 3);
  });

  it('is looked for again where there was nothing, or it could not be seen', async () => {
    const seen = create();
    assert.equal(await seen.get('a', looking(undefined)), undefined);
    await assert.rejects(
      seen.get('a', () => Promise.reject(new Error('not now'))),
      /not now/,
    );
    assert.equal(await seen.get('a', looking(1)), 1);
  });

  it('is forgotten with what is being looked for at that moment', async () => {
    const seen = create();
    await seen.get('a', looking(1));
    const late = seen.get('b', looking(1));
    seen.forget();
    assert.equal(await late, 1);
    for (const key of ['a', 'b']) assert.equal(await seen.get(key, looking(2)), 2);
  });
});
