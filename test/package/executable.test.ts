import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../src/content/digest.js';
import { nodeFor } from '../../src/packaging/node-release.mjs';
import { fixturePath } from '../support/fixtures.js';
import { needs } from '../support/needs.js';
import { architectureHere, executable, makeExecutable } from '../support/programs/executable.js';
import { run, succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ARCHIVE = fixturePath('archives/docker20-multi.tar');

describe('the single executable', function () {
  this.timeout(180_000);
  const path = useFolder();
  let program: string;
  /** Without Node.js in the path, and without a home. */
  const env = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
  const lading = (...args: string[]) => run(program, args, { env, timeout: 60_000 });

  before(async function () {
    program = await executable(this);
  });

  for (const architecture of ['x64', 'arm64'] as const)
    it(`is the same bytes twice for ${architecture}`, async function () {
      const made = await executable(this, architecture);
      const first = digestOf(await readFile(made));
      await makeExecutable(this, architecture);
      assert.equal(digestOf(await readFile(made)), first);
    });

  it('says its version, and does with archives what the package does', async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    assert.deepEqual(await lading('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
    for (const args of [
      ['ls', ARCHIVE],
      ['inspect', ARCHIVE],
      ['verify', ARCHIVE],
      ['save', '--help'],
    ]) {
      const { code, stdout, stderr } = await lading(...args);
      const expected = await run(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], { env });
      assert.deepEqual({ code, stdout, stderr }, expected, args.join(' '));
    }
  });

  it('has the licenses of what is in it', async () => {
    const bytes = await readFile(program);
    for (const text of [
      'Apache License',
      'Node.js is licensed for use as follows',
      '\nyargs ',
      '\nbcryptjs ',
      '\nxz-decompress ',
    ])
      assert.ok(bytes.includes(text), text);
  });

  it('has a Node.js whose encoder for zstd takes all of what is given to it', async function () {
    const node = await nodeFor(architectureHere(this));
    const mocha = ['node_modules/mocha/bin/mocha.js', '--no-config', '--import=tsx', '--timeout=60000'];
    const options = { cwd: ROOT, env: { PATH: process.env.PATH } };
    const tests = await succeed(node, [...mocha, 'test/compression/zstd-encoder.test.ts'], options);
    assert.match(tests, /4 passing/);
  });

  it('has its threads and its decoders inside: it compresses and reads zstd and xz', async function () {
    needs(this, 'xz');
    const zstd = path('a.tar.zst');
    assert.equal(
      (await lading('convert', ARCHIVE, '-o', zstd, '--to', 'oci', '--compression', 'gzip:9')).code,
      0,
    );
    assert.equal((await lading('verify', zstd)).code, 0);
    await writeFile(path('big.bin'), Buffer.alloc(3_000_000, 'lading'));
    await succeed('tar', ['--xz', '-cf', path('a.tar.xz'), '-C', path('.'), 'big.bin']);
    // It is no archive of images, which is known only after it was decompressed.
    assert.match((await lading('verify', path('a.tar.xz'))).stderr, /no images|not an archive|neither/);
  });
});
