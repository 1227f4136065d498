import assert from 'node:assert/strict';
import { type CredentialFlags, parseCredentials } from '../../src/cli/credentials.js';

describe('parseCredentials', () => {
  const parse = (flags: CredentialFlags, environment: NodeJS.ProcessEnv = {}) => {
    const warnings: string[] = [];
    return { ...parseCredentials(flags, environment, (text) => warnings.push(text)), warnings };
  };
  const environment = { LADING_USERNAME: 'env', LADING_PASSWORD: 'secret' };

  it('takes both names from the environment, and warns of a password on the command line', () => {
    const { credentials, warnings } = parse({}, environment);
    assert.deepEqual(credentials, [{ username: 'env', password: 'secret', source: 'LADING_USERNAME' }]);
    assert.deepEqual(warnings, []);
    const half = parse({ creds: ['flag'] }, environment);
    assert.deepEqual(half.credentials, [{ username: 'flag', password: 'secret', source: '--creds' }]);
    assert.deepEqual(half.warnings, []);
    const whole = parse({ creds: ['flag:pass:word'] }, environment);
    assert.deepEqual(whole.credentials, [{ username: 'flag', password: 'pass:word', source: '--creds' }]);
    assert.equal(whole.warnings.length, 1);
    assert.ok(!whole.warnings[0]?.includes('pass:word'));
    assert.equal(parse({}).credentials, undefined);
    assert.throws(() => parse({ creds: ['flag'] }), { code: 'USAGE', hint: /LADING_PASSWORD/ });
  });

  it('says which variable a login is from, and warns of none', () => {
    const logins = { LADING_CREDS: 'a.test=me:p b.test=you:q', LADING_SRC_CREDS: 'source:s' };
    const given = { creds: ['a.test=me:p', 'b.test=you:q', 'c.test=they:r'], 'src-creds': 'source:s' };
    const { credentials, sourceCredentials, warnings } = parse(given, logins);
    assert.deepEqual(
      [...(credentials ?? []), sourceCredentials].map((login) => login?.source),
      ['LADING_CREDS', 'LADING_CREDS', '--creds', 'LADING_SRC_CREDS'],
    );
    assert.equal(warnings.length, 1);
    assert.deepEqual(parse({ 'src-creds': 'source:s' }, logins).warnings, []);
  });

  const scoped: [text: string, registry: string | undefined, username: string, password: string][] = [
    ['reg.example=me:p', 'reg.example', 'me', 'p'],
    ['reg.example:5000=me:p=q:r', 'reg.example:5000', 'me', 'p=q:r'],
    ['localhost=me:p', 'localhost', 'me', 'p'],
    ['[::1]:5000=me:p', '[::1]:5000', 'me', 'p'],
    ['me:p=q', undefined, 'me', 'p=q'],
    ['team=me:p', undefined, 'team=me', 'p'],
    ['robot$a+b:p', undefined, 'robot$a+b', 'p'],
    ['me:', undefined, 'me', ''],
  ];
  for (const [text, registry, username, password] of scoped) {
    it(`reads ${text} as a login for ${registry ?? 'the only registry'}`, () => {
      const login = { username, password, source: '--creds' };
      const expected = registry === undefined ? login : { ...login, registry };
      assert.deepEqual(parse({ creds: [text] }).credentials, [expected]);
    });
  }

  it('takes a login for each of several registries, and for each side of a copy', () => {
    const { credentials } = parse({ creds: ['a.example=a:1', 'b.example=b'] }, environment);
    assert.deepEqual(
      credentials?.map(({ registry, password }) => [registry, password]),
      [
        ['a.example', '1'],
        ['b.example', 'secret'],
      ],
    );
    const sides = parse({ 'src-creds': 'from:1', 'dest-creds': 'to' }, environment);
    assert.equal(sides.credentials, undefined);
    assert.deepEqual(sides.sourceCredentials, { username: 'from', password: '1', source: '--src-creds' });
    assert.deepEqual(sides.destinationCredentials, {
      username: 'to',
      password: 'secret',
      source: '--dest-creds',
    });
  });

  it('gives LADING_PASSWORD to one login only', () => {
    assert.throws(() => parse({ creds: ['a.example=a', 'b.example=b'] }, environment), {
      code: 'USAGE',
      message: 'LADING_PASSWORD is for one login, and 2 of them have no password',
    });
  });

  it('refuses a login without a user', () => {
    for (const text of ['', ':p', 'reg.example=:p', 'reg.example='])
      assert.throws(() => parse({ creds: [text] }), { code: 'USAGE', message: /--creds has no user name/ });
  });
});
