import assert from 'node:assert/strict';
import { type ConnectionArguments, connectionOptions, wholeNumber } from '../../src/cli/options.js';

describe('connectionOptions', () => {
  const optionsOf = (
    flags: Partial<ConnectionArguments>,
    environment: NodeJS.ProcessEnv = {},
  ): { options: ReturnType<typeof connectionOptions>; warnings: string[] } => {
    const warnings: string[] = [];
    const argv: ConnectionArguments = {
      concurrency: undefined,
      retries: undefined,
      creds: undefined,
      authfile: undefined,
      'tls-verify': true,
      ca: undefined,
      cert: undefined,
      'key-file': undefined,
      'plain-http': undefined,
      v1: undefined,
      mirror: undefined,
      ...flags,
    };
    return { options: connectionOptions(argv, (text) => warnings.push(text), environment), warnings };
  };

  it('takes a password from the environment, and warns of one on the command line', () => {
    const environment = { LADING_USERNAME: 'env', LADING_PASSWORD: 'secret' };
    const fromEnvironment = optionsOf({}, environment);
    assert.deepEqual(fromEnvironment.options.credentials, { username: 'env', password: 'secret' });
    assert.deepEqual(fromEnvironment.warnings, []);
    const half = optionsOf({ creds: 'flag' }, environment);
    assert.deepEqual(half.options.credentials, { username: 'flag', password: 'secret' });
    const whole = optionsOf({ creds: 'flag:pass:word' }, environment);
    assert.deepEqual(whole.options.credentials, { username: 'flag', password: 'pass:word' });
    assert.equal(whole.warnings.length, 1);
    assert.ok(!whole.warnings[0]?.includes('pass:word'));
    assert.equal(optionsOf({}).options.credentials, undefined);
    assert.throws(() => optionsOf({ creds: 'flag' }), { code: 'USAGE', hint: /LADING_PASSWORD/ });
  });

  it('gathers mirrors by registry, in their order', () => {
    const { options } = optionsOf({ mirror: ['docker.io=a.test', 'quay.io=c.test', 'docker.io=b.test'] });
    assert.deepEqual(options.mirrors, { 'docker.io': ['a.test', 'b.test'], 'quay.io': ['c.test'] });
    for (const mirror of ['docker.io', '=a', 'a=', 'a=b=c'])
      assert.throws(() => optionsOf({ mirror: [mirror] }), { code: 'USAGE' });
  });

  it('takes whole numbers only', () => {
    assert.deepEqual([wholeNumber('retries', 0, 0), wholeNumber('retries', undefined, 0)], [0, undefined]);
    for (const [value, least] of [
      [-1, 0],
      [0, 1],
      [1.5, 0],
      [Number.NaN, 0],
    ] as const)
      assert.throws(() => wholeNumber('retries', value, least), { code: 'USAGE', message: /--retries/ });
  });
});
