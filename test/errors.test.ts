import assert from 'node:assert/strict';
import {
  adviceOf,
  ContentError,
  isLadingError,
  LadingError,
  messageOf,
  printable,
  RegistryError,
  redactURL,
  systemCode,
} from '../src/errors.js';

describe('LadingError', () => {
  it('carries code, hint and cause, and is told by its codes', () => {
    const cause = new Error('below');
    const error = new ContentError('DIGEST_MISMATCH', 'other content', { hint: 'Try again.', cause });
    assert.deepEqual(
      [error.name, error.code, error.hint, error.cause],
      ['ContentError', 'DIGEST_MISMATCH', 'Try again.', cause],
    );
    assert.ok(isLadingError(error));
    assert.ok(isLadingError(error, 'NOT_FOUND', 'DIGEST_MISMATCH'));
    assert.ok(!isLadingError(error, 'NOT_FOUND'));
    assert.ok(!isLadingError(cause));
    assert.ok(!('cause' in new LadingError('IO', 'no cause')));
  });

  it('is one line without control characters, hint included', () => {
    const error = new LadingError('IO', 'a\nb\u001b[2Jc\u202ed', { hint: 'x\ry' });
    assert.equal(error.message, 'a\\x0ab\\x1b[2Jc\\u202ed');
    assert.equal(error.hint, 'x\\x0dy');
  });

  it('keeps its hint and its remedy when its message says more', () => {
    const advice = { hint: 'Log in.', remedy: 'login', remedyFor: 'reg.test\n' } as const;
    const kept = { hint: 'Log in.', remedy: 'login', remedyFor: 'reg.test\\x0a' };
    for (const error of [
      new LadingError('DENIED', 'no', advice),
      new ContentError('DENIED', 'no', advice),
      new RegistryError('DENIED', 'no', { ...advice, status: 403 }),
    ]) {
      const more = error.withMessage('no, and why');
      assert.deepEqual([more.message, more.name, more.cause], ['no, and why', error.name, error]);
      assert.deepEqual(adviceOf(more), kept);
    }
    const refused = new RegistryError('DENIED', 'no', { ...advice, status: 403 });
    assert.deepEqual(adviceOf(refused.restated({ isFinal: true })), kept);
    const other = refused.restated({ advice: { hint: 'Ask.' } });
    assert.deepEqual([other.status, other.message], [403, 'no']);
    assert.deepEqual(adviceOf(other), { hint: 'Ask.', remedy: undefined, remedyFor: undefined });
  });

  it('tells of a registry what decides about another attempt', () => {
    const error = new RegistryError('TOO_MANY_REQUESTS', 'slow down', {
      status: 429,
      retryAfterMs: 7000,
      registryCodes: ['TOOMANYREQUESTS'],
    });
    assert.deepEqual(
      [error.status, error.retryAfterMs, error.registryCodes],
      [429, 7000, ['TOOMANYREQUESTS']],
    );
    assert.deepEqual(new RegistryError('UNREACHABLE', 'gone').registryCodes, []);
  });
});

describe('systemCode and messageOf', () => {
  it('read what can be read of any thrown value', () => {
    assert.equal(systemCode(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT');
    for (const value of [undefined, null, 'ENOENT', { code: 7 }, new Error('x')])
      assert.equal(systemCode(value), undefined);
    assert.equal(messageOf(new Error('two\nlines')), 'two\\x0alines');
    assert.equal(messageOf('text'), 'text');
    assert.equal(messageOf(undefined), 'undefined');
  });
});

describe('redactURL', () => {
  it('takes user information and secret query values away', () => {
    assert.equal(
      redactURL('https://user:secret@reg.test/v2/x/blobs/uploads/1?_state=secret&digest=sha256:a'),
      'https://reg.test/v2/x/blobs/uploads/1?_state=REDACTED&digest=sha256%3Aa',
    );
    for (const key of ['X-Amz-Signature', 'sig', 'token', 'access_token', '_state', 'Signature']) {
      assert.ok(!redactURL(`https://storage.test/blob?${key}=topsecret&n=5`).includes('topsecret'), key);
    }
    assert.equal(
      redactURL('https://reg.test/v2/_catalog?n=5&last=x'),
      'https://reg.test/v2/_catalog?n=5&last=x',
    );
  });

  it('does its best with what is no URL', () => {
    assert.equal(redactURL('//user:secret@host/path'), '//host/path');
    assert.equal(redactURL('not a url\n'), 'not a url\\x0a');
  });
});

describe('printable', () => {
  it('escapes what moves the cursor or turns the text around, and leaves the rest', () => {
    assert.equal(
      printable('a\u0000\u007f\u009b\u200f\u2028\u2066\ufeffz'),
      'a\\x00\\x7f\\x9b\\u200f\\u2028\\u2066\\ufeffz',
    );
    assert.equal(
      printable('\u00ad\u061c\u180e\u{e0041}\ufff9\ud800'),
      '\\xad\\u061c\\u180e\\u{e0041}\\ufff9\\ud800',
    );
    assert.equal(printable('größer 中文 é 😀'), 'größer 中文 é 😀');
  });
});
