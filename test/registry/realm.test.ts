import assert from 'node:assert/strict';
import { isLadingError } from '../../src/errors.js';
import { checkRealm } from '../../src/registry/realm.js';

const cases: [registry: string, realm: string, plainHTTP: boolean, isAllowed: boolean][] = [
  ['https://reg.example', 'https://auth.other.example/token', false, true],
  ['https://reg.example', 'http://reg.example/token', false, false],
  ['https://reg.example', 'http://reg.example/token', true, false],
  ['http://reg.example', 'http://auth.example/token', true, true],
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token', false, true],
  ['http://127.0.0.1:5000', 'http://auth.example/token', false, false],
  ['http://127.0.0.1:5000', 'https://auth.example/token', false, true],
  ['https://reg.example', 'https://169.254.169.254/token', false, false],
  ['https://reg.example', 'https://[::ffff:127.0.0.1]/token', false, false],
  ['https://reg.example', 'https://localhost/token', false, false],
  ['https://reg.example', 'https://10.0.0.1/token', false, false],
  ['https://10.0.0.2', 'https://10.0.0.1/token', false, true],
  ['https://reg.example', 'null://reg.example/token', false, false],
  ['https://reg.example', 'file:///etc/passwd', false, false],
  ['https://reg.example', 'not a url', false, false],
];

describe('checkRealm', () => {
  for (const [registry, realm, plainHTTP, isAllowed] of cases) {
    it(`${isAllowed ? 'lets' : 'does not let'} ${registry}${plainHTTP ? ' (plain)' : ''} name ${realm}`, () => {
      const check = () => checkRealm(realm, new URL(registry), plainHTTP);
      if (isAllowed) assert.equal(check().href, realm);
      else assert.throws(check, (error) => isLadingError(error, 'DENIED'));
    });
  }

  it('keeps the query of a realm and drops its user', () => {
    const url = checkRealm('https://u:p@auth.example/token?a=b', new URL('https://reg.example'), false);
    assert.equal(url.href, 'https://auth.example/token?a=b');
  });
});
