import assert from 'node:assert/strict';
import { parseErrorBody, responseError } from '../../../src/registry/http/response-error.js';

const parse = (body: unknown) =>
  parseErrorBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));

describe('parseErrorBody', () => {
  it('reads codes and messages', () => {
    const errors = [
      { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { tag: 'x' } },
      { code: 'NAME_UNKNOWN' },
    ];
    assert.deepEqual(parse({ errors }), {
      codes: ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'],
      text: 'MANIFEST_UNKNOWN: manifest unknown; NAME_UNKNOWN',
    });
  });

  it("reads a token service's forms", () => {
    assert.equal(parse({ details: 'incorrect username or password' }).text, 'incorrect username or password');
    assert.equal(parse({ error: 'invalid_grant', error_description: 'expired' }).text, 'expired');
  });

  it('takes the first line of plain text, and nothing of a web page', () => {
    assert.equal(parse('404 page not found\n').text, '404 page not found');
    assert.equal(parse('<!doctype html><p>no').text, '');
  });

  it('lets no terminal escape through, and no text without end', () => {
    const { text } = parse({ errors: [{ code: 'X', message: `\u001b[31m${'a'.repeat(5000)}` }] });
    assert.ok(!text.includes('\u001b') && text.length < 400, text);
  });

  it('says nothing for documents of another shape', () => {
    for (const body of ['null', '[]', '{"errors":{}}', '{"errors":[null,1,"x",{"code":1}]}'])
      assert.deepEqual(parse(body), { codes: [], text: '' }, body);
    assert.deepEqual(parse('{'), { codes: [], text: '{' }); // plain text, as far as can be told
    assert.equal(parse({ errors: [null, { code: 'X' }], message: 'other' }).text, 'X');
  });
});

describe('responseError', () => {
  it('combines status, body and Retry-After', () => {
    const error = responseError(
      {
        status: 429,
        headers: { 'retry-after': '3' },
        body: Buffer.from('{"errors":[{"code":"TOOMANYREQUESTS"}]}'),
      },
      'tag "1" of reg.example/app',
    );
    assert.equal(error.code, 'TOO_MANY_REQUESTS');
    assert.equal(error.message, 'tag "1" of reg.example/app: too many requests (TOOMANYREQUESTS)');
    assert.equal(error.retryAfterMs, 3000);
    assert.deepEqual(error.registryCodes, ['TOOMANYREQUESTS']);
    assert.match(error.hint ?? '', /Wait.*, log in for a higher limit, or use a mirror/);
    assert.equal(error.remedy, 'mirrors');
  });
});
