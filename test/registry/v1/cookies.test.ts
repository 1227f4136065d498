import assert from 'node:assert/strict';
import { SessionCookies } from '../../../src/registry/v1/cookies.js';

const HERE = new URL('https://a.example/v1/');

function taken(...lines: string[]): string | undefined {
  const cookies = new SessionCookies();
  cookies.take(HERE, { url: HERE, headers: { 'set-cookie': lines } });
  return cookies.headersFor(HERE).cookie;
}

describe('SessionCookies', () => {
  it('gives back names and values only', () => {
    assert.equal(taken('session="a?b=c"; Path=/; HttpOnly', 'x=1;secure'), 'session="a?b=c"; x=1');
    assert.equal(taken('a=1', 'a=2'), 'a=2');
  });

  it('forgets what is ended', () => {
    assert.equal(taken('a=1', 'a=; Path=/'), undefined);
    assert.equal(taken('a=1', 'b=2', 'a=1; Max-Age=0'), 'b=2');
  });

  it('takes over nothing that cannot stand in a header, and not without limit', () => {
    for (const line of ['', 'a', '=1', 'a=1\r\nX: y', 'a b=1', `a=${'x'.repeat(5000)}`, 'a="ü"'])
      assert.equal(taken(line), undefined, line);
    const many = Array.from({ length: 40 }, (_, place) => `c${place}=1`);
    assert.equal(taken(...many)?.split('; ').length, 16);
  });

  it('keeps to the origin, whatever domain a cookie claims', () => {
    const cookies = new SessionCookies();
    const elsewhere = new URL('https://b.example/');
    cookies.take(HERE, { url: elsewhere, headers: { 'set-cookie': 'a=1; Domain=a.example' } });
    assert.deepEqual(cookies.headersFor(HERE), {});
    cookies.take(HERE, { url: HERE, headers: { 'set-cookie': 'a=1; Domain=example' } });
    assert.deepEqual(cookies.headersFor(elsewhere), {});
    assert.deepEqual(cookies.headersFor(new URL('http://a.example')), {});
    assert.deepEqual(cookies.headersFor(new URL('https://a.example/v1/images')), { cookie: 'a=1' });
  });
});
