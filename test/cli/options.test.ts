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
      'limit-rate': undefined,
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

  it('takes rates as curl and wget do, and decimal units with a B', () => {
    const rates = {
      ...{
        '1024': 1024,
        '2000B': 2000,
        '500K': 512_000,
        '500k/s': 512_000,
        '1.5m': 1_572_864,
        '1G': 2 ** 30,
      },
      ...{
        '20MB/s': 20e6,
        '20 MB/s': 20e6,
        '500kB': 500e3,
        '2GB': 2e9,
        '20MiB': 20 * 2 ** 20,
        '4KiB/s': 4096,
      },
    };
    for (const [text, bytes] of Object.entries(rates))
      assert.equal(optionsOf({ 'limit-rate': text }).options.limitRate, bytes, text);
    assert.equal(optionsOf({}).options.limitRate, undefined);
    for (const text of [
      '0',
      '0K',
      '1023',
      '0.9K',
      '-5M',
      'fast',
      '',
      'K',
      '1e6',
      '5T',
      '5 M B',
      '5M/h',
      'NaN',
    ])
      assert.throws(
        () => optionsOf({ 'limit-rate': text }),
        { code: 'USAGE', message: /--limit-rate/ },
        text,
      );
    for (const text of ['20Mb/s', '20Mbit/s', '100mbps', '9000bit/s'])
      assert.throws(() => optionsOf({ 'limit-rate': text }), { code: 'USAGE', hint: /not bits/ }, text);
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
