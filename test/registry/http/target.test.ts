import assert from 'node:assert/strict';
import { targetURL } from '../../../src/registry/http/target.js';

const PUBLIC = new URL('https://reg.example');

describe('the place of a request', () => {
  const allowed: [what: string, target: string, base: string, expected: string][] = [
    ['a path', '/v2/', 'https://reg.example', 'https://reg.example/v2/'],
    ['another host', 'https://s3.example/b?sig=1', 'https://reg.example', 'https://s3.example/b?sig=1'],
    [
      'its query as it is',
      '/u?_state=a%2Bb%3D',
      'https://reg.example',
      'https://reg.example/u?_state=a%2Bb%3D',
    ],
    ['no user information', 'https://me:pw@reg.example/u', 'https://reg.example', 'https://reg.example/u'],
    ['itself by http', 'http://reg.example/u', 'https://reg.example:8443', 'https://reg.example:8443/u'],
    [
      'itself by http and port',
      'http://reg.example:8443/u',
      'https://reg.example:8443',
      'https://reg.example:8443/u',
    ],
    ['loopback on loopback', 'http://127.0.0.1:9/u', 'http://localhost:5000', 'http://127.0.0.1:9/u'],
    ['a private address in a private network', 'http://10.0.0.2/u', 'http://10.0.0.1', 'http://10.0.0.2/u'],
  ];
  for (const [what, target, base, expected] of allowed) {
    it(`may be ${what}`, () => assert.equal(targetURL(target, new URL(base)).href, expected));
  }

  const refused = [
    'http://s3.example/b',
    'http://reg.example:81/u',
    'ftp://reg.example/u',
    'file:///etc/passwd',
    'https://127.0.0.1/u',
    'https://localhost/u',
    'https://169.254.169.254/latest/meta-data',
    'https://10.1.2.3/u',
    'https://[::1]/u',
    'https://[::ffff:127.0.0.1]/u',
    'https://[fe80::1]/u',
    'https://[bad/u',
  ];
  for (const target of refused) {
    it(`is never ${target} for a registry that is elsewhere`, () => {
      assert.throws(() => targetURL(target, PUBLIC), { code: 'REGISTRY', message: /is not used/ });
    });
  }
});
