import assert from 'node:assert/strict';
import { parseResponseHead } from '../../../src/registry/http/response-head.js';

const head = (...lines: string[]): string => lines.join('\r\n');
const STATUS = 'HTTP/1.1 200 OK';
const LENGTH = 'Content-Length: 5';

describe('the head of a response', () => {
  it('gives status, headers by lower-case names, and the length of the body', () => {
    assert.deepEqual(
      parseResponseHead(
        head('HTTP/1.1 206 ', 'CONTENT-LENGTH:  12 ', 'Warning: a', 'ETag:', '__proto__: x', 'warning: b'),
      ),
      {
        status: 206,
        headers: Object.fromEntries([
          ['content-length', '12'],
          ['warning', ['a', 'b']],
          ['etag', ''],
          ['__proto__', 'x'],
        ]),
        length: 12,
      },
    );
  });

  const REFUSED: Record<string, string> = {
    'another version': head('HTTP/1.0 200 OK', LENGTH),
    'another protocol': head('SSH-2.0-x', LENGTH),
    'an interim response': head('HTTP/1.1 100 Continue', LENGTH),
    'a status that is none': head('HTTP/1.1 2000 OK', LENGTH),
    'a response without a body': head('HTTP/1.1 304 Not Modified', LENGTH),
    'no length': head(STATUS, 'Content-Type: text/plain'),
    'two lengths': head(STATUS, LENGTH, LENGTH),
    'a list of lengths': head(STATUS, 'Content-Length: 5, 5'),
    'a signed length': head(STATUS, 'Content-Length: +5'),
    'a length beyond exact numbers': head(STATUS, 'Content-Length: 9999999999999999'),
    'a body in chunks': head(STATUS, LENGTH, 'Transfer-Encoding: chunked'),
    'a compressed body': head(STATUS, LENGTH, 'Content-Encoding: gzip'),
    'a folded line': head(STATUS, LENGTH, 'X-A: b', ' c'),
    'a space before the colon': head(STATUS, 'Content-Length : 5'),
    'a bare line feed': head(STATUS, `X-A: b\n${LENGTH}`),
    'a bare carriage return': head(STATUS, `X-A: b\r${LENGTH}`, LENGTH),
    'a NUL': head(STATUS, LENGTH, 'X-A: \0'),
    'characters beyond ASCII': head(STATUS, LENGTH, 'X-A: é'),
    'a line without a name': head(STATUS, LENGTH, ': b'),
    'an empty line': head(STATUS, '', LENGTH),
  };
  for (const [what, text] of Object.entries(REFUSED)) {
    it(`with ${what} is left to the HTTP library`, () => {
      assert.equal(parseResponseHead(text), undefined);
    });
  }
});
