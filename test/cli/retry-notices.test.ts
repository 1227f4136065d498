import assert from 'node:assert/strict';
import { RetryNotices } from '../../src/cli/retry-notices.js';
import { RegistryError } from '../../src/errors.js';

describe('why requests are repeated', () => {
  const unreachable = new RegistryError('UNREACHABLE', 'cannot reach reg.test: connection refused');
  const event = (what: string, attempt = 1, delayMs = 250, error: unknown = unreachable) =>
    ({ type: 'retrying', what, attempt, delayMs, error }) as const;

  it('is told once for all requests to a host', () => {
    const notices = new RetryNotices(() => 0);
    const told = Array.from({ length: 8 }, (_, blob) =>
      notices.take(event(`https://reg.test/v2/a/blobs/${blob}`)),
    );
    assert.deepEqual(
      told.filter((text) => text !== undefined),
      ['cannot reach reg.test: connection refused; trying again'],
    );
  });

  it('is told for each host and each kind of trouble', () => {
    const notices = new RetryNotices(() => 0);
    assert.ok(notices.take(event('https://one.test/v2/')));
    assert.ok(notices.take(event('https://two.test/v2/')));
    const late = new RegistryError('TIMEOUT', 'one.test did not answer in time');
    assert.ok(notices.take(event('https://one.test/v2/', 1, 250, late)));
    assert.equal(notices.take(event('https://two.test/v2/')), undefined);
  });

  it('is told again when it has not ended, with what happened meanwhile', () => {
    let now = 0;
    const notices = new RetryNotices(() => now);
    notices.take(event('https://reg.test/v2/'));
    now = 5000;
    assert.equal(notices.take(event('https://reg.test/v2/', 2)), undefined);
    assert.equal(notices.take(event('https://reg.test/v2/', 3)), undefined);
    now = 10_000;
    assert.equal(
      notices.take(event('https://reg.test/v2/', 5, 8100)),
      'cannot reach reg.test: connection refused; trying again in 9 s (attempt 6); 2 attempts failed so',
    );
  });
});
