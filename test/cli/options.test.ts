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
      'private-addresses': undefined,
      ...flags,
    };
    return { options: connectionOptions(argv, (text) => warnings.push(text), environment), warnings };
  };

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
