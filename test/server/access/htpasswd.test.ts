import assert from 'node:assert/strict';
import { isLadingError } from '../../../src/errors.js';
import { parseHtpasswd } from '../../../src/server/access/htpasswd.js';

const HASH = '$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

describe('parseHtpasswd', () => {
  it('takes bcrypt in its three spellings, between comments and blank lines', () => {
    const text = `\ufeff# users\r\nalice:${HASH}\r\n\r\n  \nbob:${HASH.replace('2y', '2a')}\ncarol d:${HASH.replace('2y', '2b')}  \n`;
    assert.deepEqual(
      [...parseHtpasswd(text, 'users')],
      [
        ['alice', HASH],
        ['bob', HASH.replace('2y', '2a')],
        ['carol d', HASH.replace('2y', '2b')],
      ],
    );
    assert.equal(parseHtpasswd('', 'users').size, 0);
  });

  const wrong: [what: string, line: string, message: RegExp][] = [
    ['MD5', 'bob:$apr1$J5/sUUfe$8Bq5P53uMvNq0cRu2oJmd1', /the password is stored as MD5, not as bcrypt/],
    ['SHA-1', 'bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', /SHA-1/],
    ['SHA-512', 'bob:$6$salt$hash', /SHA-512 crypt/],
    ['plain text', 'bob:hunter2', /crypt or plain text/],
    ['a hash that was cut', `bob:${HASH.slice(0, -1)}`, /damaged bcrypt/],
    ['no hash', 'bob', /not of the form USER:HASH/],
    ['the columns of another file', 'hunter2:bob', /crypt or plain text/],
    ['no user', `:${HASH}`, /not of the form USER:HASH/],
    ['a cost that takes minutes', `bob:${HASH.replace('$05$', '$20$')}`, /cost of bcrypt is 20/],
    ['a user twice', `alice:${HASH}`, /the user is already on line 2/],
  ];
  for (const [what, line, message] of wrong) {
    it(`refuses ${what}, by the number of its line and without what stands in it`, () => {
      assert.throws(
        () => parseHtpasswd(`# users\nalice:${HASH}\n${line}\n`, 'users'),
        (error) => {
          assert.ok(isLadingError(error, 'USAGE'));
          assert.match(error.message, message);
          assert.match(error.message, /^users, line 3: /);
          assert.doesNotMatch(error.message, /hunter2|bob|alice|\$/);
          assert.ok(error.hint);
          return true;
        },
      );
    });
  }

  it('says how to make the right line', () => {
    assert.throws(() => parseHtpasswd('bob:x', 'users'), { hint: /htpasswd -B FILE USER/ });
  });
});
