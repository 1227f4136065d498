import assert from 'node:assert/strict';
import {
  contentLength,
  mediaTypeOf,
  parseContentRange,
  parseNextLinks,
  parseRateLimit,
  parseRetryAfter,
  parseWarnings,
} from '../../../src/registry/http/headers.js';
import { processorTimeMs } from '../../support/processor-time.js';

describe('header parsers', () => {
  it('reads Content-Range, with and without a total', () => {
    assert.deepEqual(parseContentRange('bytes 5-9/10'), { first: 5, last: 9, total: 10 });
    assert.deepEqual(parseContentRange('bytes 5-9/*'), { first: 5, last: 9, total: undefined });
    for (const text of [undefined, '', 'bytes */10', 'bytes 9-5/10', '0-5', 'bytes 1-99999999999999999999/*'])
      assert.equal(parseContentRange(text), undefined, text);
  });

  it('reads Retry-After as seconds or as a date that is to come', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    assert.equal(parseRetryAfter('7', now), 7000);
    assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
    assert.equal(parseRetryAfter(String(now / 1000 + 90), now), 90_000, 'a Unix time, as Docker Hub has it');
    const pointless = ['0', '0.0', 'Wed, 31 Dec 2025 23:00:00 GMT', String(now / 1000 - 1)];
    for (const text of [undefined, '', 'soon', '-1', '2026-01-01', ...pointless])
      assert.equal(parseRetryAfter(text, now), undefined, text);
  });

  it("reads Docker Hub's rate limit", () => {
    const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '99;w=21600' };
    assert.deepEqual(parseRateLimit(headers), { limit: 100, remaining: 99, windowSeconds: 21600 });
    assert.equal(parseRateLimit({}), undefined);
  });

  it('finds the next page among the links', () => {
    const lines = [
      '</v2/_catalog?last=a%2Cb&n=1>; rel="next"',
      '</first>; rel=first, </second>; rel="x next"',
    ];
    assert.deepEqual(parseNextLinks({ link: lines }), ['/v2/_catalog?last=a%2Cb&n=1', '/second']);
    assert.deepEqual(parseNextLinks({ link: '<a>; rel="prev"' }), []);
  });

  it('reads warnings of code 299 only', () => {
    const warning = ['299 - "old \\"quoted\\" client"', '199 - "other"'];
    assert.deepEqual(parseWarnings({ warning }), ['old "quoted" client']);
  });

  it('reads a media type without its parameters, and only a whole Content-Length', () => {
    assert.equal(mediaTypeOf({ 'content-type': 'Application/JSON; charset=utf-8' }), 'application/json');
    assert.equal(contentLength({ 'content-length': '12' }), 12);
    assert.equal(contentLength({ 'content-length': '12abc' }), undefined);
  });

  it('takes no time over hostile lines', () => {
    const started = processorTimeMs();
    parseNextLinks({ link: `<${'<'.repeat(8_000)}${'; a'.repeat(3_000)}` });
    parseNextLinks({ link: `<x>${'; a=b'.repeat(3_000)}; rel="${'next '.repeat(2_000)}` });
    parseWarnings({ warning: `299 - "${'\\'.repeat(16_000)}` });
    assert.ok(processorTimeMs() - started < 500);
  });
});
