import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  exposureWarnings,
  parseListen,
  SERVE_OPTIONS,
  type ServeArguments,
  serveOptions,
} from '../../src/cli/serve-flags.js';

/** As yargs fills them in. */
function flagsOf(given: Partial<ServeArguments> = {}): ServeArguments {
  const defaults: Partial<ServeArguments> = {
    listen: '127.0.0.1:5000',
    writable: false,
    'read-only': false,
    'schema1-default': false,
    'allow-sparse-index': false,
  };
  return { ...defaults, ...given } as ServeArguments; // flags without a default are left out by yargs too
}

describe('serveOptions', () => {
  it('turns seconds into milliseconds and leaves what is not given to the library', () => {
    const { limits, drainMs, push, tls, htpasswdFile } = serveOptions(
      flagsOf({
        'idle-timeout': 5,
        'drain-timeout': 0,
        'max-uploads': 3,
        'max-upload-sessions': 4,
        'max-blob-bytes': 1000,
        'client-share': 25,
      }),
    );
    assert.deepEqual(limits, {
      maxConnections: undefined,
      maxRequests: undefined,
      maxUploads: 3,
      maxPageBytes: undefined,
      maxHeldBytes: undefined,
      clientShare: 25,
      maxPasswordChecks: undefined,
      idleMs: 5000,
    });
    assert.deepEqual([push?.maxSessions, push?.maxBlobBytes, push?.maxManifestBytes], [4, 1000, undefined]);
    assert.deepEqual([drainMs, tls, htpasswdFile], [0, undefined, undefined]);
  });

  const wrong: [flags: Partial<ServeArguments>, message: RegExp][] = [
    [{ listen: 'everywhere' }, /--listen takes HOST:PORT, not "everywhere"/],
    [{ listen: 'a b:1' }, /--listen/],
    [{ listen: 'a"b:1' }, /--listen/],
    [{ listen: 'a:65536' }, /--listen/],
    [{ writable: true, 'read-only': true }, /--writable and --read-only/],
    [{ 'tls-cert': 'x' }, /--tls-cert needs --tls-key/],
    [{ 'tls-key': 'x' }, /--tls-key needs --tls-cert/],
    [{ 'max-uploads': 0 }, /--max-uploads takes a whole number from 1/],
    [{ 'client-share': 0 }, /--client-share takes a whole number from 1/],
    [{ 'client-share': 101 }, /--client-share takes 1 to 100 percent, not 101/],
    [{ 'max-upload-sessions': 0 }, /--max-upload-sessions takes a whole number from 1/],
    [{ 'max-connections': 1.5 }, /--max-connections/],
    [{ 'idle-timeout': Number.NaN }, /--idle-timeout/],
    [{ 'drain-timeout': -1 }, /--drain-timeout/],
    [{ 'chunk-min-bytes': -1 }, /--chunk-min-bytes/],
  ];
  for (const [flags, message] of wrong) {
    it(`refuses ${JSON.stringify(flags)}`, () => {
      assert.throws(() => serveOptions(flagsOf(flags)), { code: 'USAGE', message });
    });
  }
});

describe('the limits of serve', () => {
  it('stand in docs/serve.md with their defaults', async () => {
    const page = await readFile(fileURLToPath(new URL('../../docs/serve.md', import.meta.url)), 'utf8');
    const limits = Object.entries(SERVE_OPTIONS).filter(([flag]) => /^max-|^idle-|^client-/.test(flag));
    assert.equal(limits.length, 13);
    for (const [flag, option] of limits) {
      const row = page.split('\n').find((line) => line.startsWith('| ') && line.includes(`\`--${flag}\``));
      const [, , limit = ''] = row?.split('|') ?? [];
      const value = 'defaultDescription' in option ? option.defaultDescription : undefined;
      assert.ok(limit.includes(value === 'no limit' ? 'none' : String(value)), `${flag}: ${row}`);
    }
  });
});

describe('parseListen', () => {
  it('takes names and addresses of both kinds', () => {
    assert.deepEqual(parseListen('registry.lan:443'), { host: 'registry.lan', port: 443 });
    assert.deepEqual(parseListen('[::1]:0'), { host: '::1', port: 0 });
    assert.deepEqual(parseListen(':5000'), { host: '127.0.0.1', port: 5000 });
  });
});

describe('exposureWarnings', () => {
  it('says nothing of a server that only this machine reaches', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
      assert.deepEqual(exposureWarnings({ host, writable: true }), []);
  });

  it('says what others can do and see', () => {
    const warnings = (options: Parameters<typeof exposureWarnings>[0]): string =>
      exposureWarnings({ host: '0.0.0.0', ...options }).join('\n');
    const tls = { certFile: 'c', keyFile: 'k' };
    assert.match(warnings({}), /everybody .* may pull.*\n.*nothing is encrypted/);
    assert.match(warnings({ writable: true }), /everybody .* may push and delete/);
    assert.match(warnings({ htpasswdFile: 'users' }), /^passwords travel as plain text/);
    assert.match(warnings({ tls }), /^everybody .* may pull/);
    assert.equal(warnings({ tls, htpasswdFile: 'users' }), '');
  });
});
