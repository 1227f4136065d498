import assert from 'node:assert/strict';
import { ContentError, LadingError, RegistryError } from '../src/errors.js';
import { delayBefore, isRetryable, MAX_RETRY_AFTER_MS } from '../src/retry.js';

describe('isRetryable', () => {
  const answered = (status: number): RegistryError => new RegistryError('REGISTRY', 'answer', { status });
  const system = (code: string): Error => Object.assign(new Error(code), { code });

  it('tries again after what passes: overload, timeouts, resets, damage on the way', () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504, 520, 522, 524])
      assert.ok(isRetryable(answered(status)), String(status));
    for (const code of ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'UND_ERR_SOCKET'])
      assert.ok(isRetryable(system(code)), code);
    for (const code of ['CUT_SHORT', 'TIMEOUT'] as const)
      assert.ok(isRetryable(new RegistryError(code, 'cut')));
    for (const code of ['CUT_SHORT', 'DIGEST_MISMATCH'] as const)
      assert.ok(isRetryable(new ContentError(code, 'damaged')));
  });

  it('does not repeat what will be refused again', () => {
    for (const status of [400, 401, 403, 404, 405, 413, 416, 501])
      assert.ok(!isRetryable(answered(status)), String(status));
    for (const code of ['ENOSPC', 'EACCES', 'ENOENT', 'ENOTFOUND', 'CERT_HAS_EXPIRED'])
      assert.ok(!isRetryable(system(code)), code);
    for (const code of ['SIZE_MISMATCH', 'NO_SPACE', 'NOT_FOUND', 'ABORTED', 'INVALID_MANIFEST'] as const)
      assert.ok(!isRetryable(new LadingError(code, 'no')), code);
    for (const value of [undefined, 'ECONNRESET', new Error('bug')]) assert.ok(!isRetryable(value));
  });

  it('judges an unreachable registry by the cause', () => {
    const unreachable = (cause: unknown): RegistryError =>
      new RegistryError('UNREACHABLE', 'gone', { cause });
    assert.ok(isRetryable(unreachable(system('ECONNREFUSED'))));
    assert.ok(!isRetryable(unreachable(system('ENOTFOUND'))));
    assert.ok(!isRetryable(unreachable(undefined)));
  });
});

describe('delayBefore', () => {
  it('doubles from 250 ms to 15 s, with up to a quarter on top', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((attempt) => delayBefore(attempt, undefined, () => 0));
    assert.deepEqual(delays, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    assert.equal(
      delayBefore(1, undefined, () => 1),
      313,
    );
  });

  it('waits as long as the server says, but not for ever', () => {
    const named = (retryAfterMs: number): RegistryError =>
      new RegistryError('TOO_MANY_REQUESTS', 'wait', { retryAfterMs });
    assert.equal(delayBefore(5, named(1234)), 1234);
    assert.equal(
      delayBefore(3, named(0), () => 0),
      1000,
      'no wait is no reason to hurry',
    );
    assert.equal(delayBefore(1, named(86_400_000)), MAX_RETRY_AFTER_MS);
  });
});
