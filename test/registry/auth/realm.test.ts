import assert from 'node:assert/strict';
import { isLadingError } from '../../../src/errors.js';
import { checkRealm } from '../../../src/registry/auth/realm.js';

const cases: [registry: string, realm: string, plainHTTP: boolean, isAllowed: boolean][] = [
  ['https://reg.example', 'https://auth.other.example/token', false, true],
  ['https://reg.example', 'http://auth.example/token', false, false],
  ['https://reg.example', 'http://reg.example:8080/token', true, false],
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
      const check = () => checkRealm(realm, new URL(registry), { plainHTTP });
      if (isAllowed) assert.equal(check().href, realm);
      else assert.throws(check, (error) => isLadingError(error, 'DENIED'));
    });
  }

  it('asks by https where a registry with TLS names itself by http', () => {
    for (const realm of ['http://reg.example/token', 'http://reg.example:80/token'])
      assert.equal(checkRealm(realm, new URL('https://reg.example')).href, 'https://reg.example/token');
    const withPort = new URL('https://reg.example:8443');
    assert.equal(
      checkRealm('http://reg.example:8443/token', withPort).href,
      'https://reg.example:8443/token',
    );
  });

  it('lets a registry name a private network where the user allows it, but never this machine or its link', () => {
    const registry = new URL('https://reg.example');
    const check = (realm: string) => () => checkRealm(realm, registry, { privateAddresses: true });
    for (const realm of [
      'https://10.0.0.1/token',
      'https://192.168.7.7:8443/token',
      'https://[fd00::1]/token',
    ])
      assert.equal(check(realm)().href, realm);
    for (const realm of [
      'https://127.0.0.1/token',
      'https://169.254.169.254/token',
      'https://[fe80::1]/token',
    ])
      assert.throws(check(realm), { code: 'DENIED' });
    assert.throws(() => checkRealm('https://10.0.0.1/token', registry), {
      hint: /or allow it\.$/,
      remedy: 'privateAddresses',
    });
  });

  it('keeps the query of a realm and drops its user', () => {
    const url = checkRealm('https://u:p@auth.example/token?a=b', new URL('https://reg.example'));
    assert.equal(url.href, 'https://auth.example/token?a=b');
  });
});
