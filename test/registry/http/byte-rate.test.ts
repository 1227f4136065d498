import assert from 'node:assert/strict';
import type { ConnectionOptions } from '../../../src/registry/connect.js';
import { ByteRate, sharingRate } from '../../../src/registry/http/byte-rate.js';

describe('a rate in bytes', () => {
  it('is shared by all who take of it, in the order in which they do', () => {
    const rate = new ByteRate(10_000, { now: () => 1000 });
    assert.deepEqual(
      [10_000, 5000, 1].map((bytes) => rate.left(rate.take(bytes))),
      [1000, 1500, 1500.1],
    );
  });

  it('lets a late timer catch up, and an idle line gain no more than that', () => {
    let now = 0;
    const rate = new ByteRate(10_000, { now: () => now });
    const passed = (ms: number) => {
      now += ms;
      return rate.left(rate.take(1000)); // 100 ms
    };
    assert.deepEqual([passed(0), passed(100), passed(100)], [100, 100, 100]);
    assert.deepEqual([passed(250), passed(0), passed(0)], [0, 50, 150], 'late by 150 ms');
    assert.deepEqual([passed(3_600_000), passed(0), passed(0)], [0, 0, 100], 'idle for an hour');
  });

  it('is a number from 1024', () => {
    for (const wrong of [0, -5000, 1023, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => new ByteRate(wrong), { code: 'USAGE' });
    assert.equal(new ByteRate(1024).bytesPerSecond, 1024);
  });

  it('becomes one for all connections of an operation', () => {
    const options = sharingRate<ConnectionOptions>({ limitRate: 5000, concurrency: 2 });
    assert.ok(options.limitRate instanceof ByteRate);
    assert.equal(sharingRate(options), options);
    assert.deepEqual(sharingRate<ConnectionOptions>({ concurrency: 2 }), { concurrency: 2 });
  });
});
