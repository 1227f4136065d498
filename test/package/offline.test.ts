import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { COMMANDS } from '../../src/cli/commands.js';
import { start, succeed } from '../support/programs/run.js';
import { useFolder } from '../support/temporary.js';
import { npmEnvironment, ROOT, unpack } from './unpacked.js';

const ARCHIVE = join(ROOT, 'fixtures/archives/ctr-export-multi.tar');

describe('the package for machines without a network', () => {
  const folder = useFolder('the suite');
  let tarball: string;
  let paths: string[];
  before(async () => {
    tarball = await packOffline();
    paths = await unpack(tarball, folder('unpacked'));
    await succeed('npm', ['install', '--global', '--offline', '--prefix', folder('prefix'), tarball], {
      env: npmEnvironment(folder()),
    });
  });

  it('is 3 MB at most', async () => {
    const { size } = await stat(tarball);
    assert(size <= 3e6, `${size} bytes`);
  });

  it('is the same, byte for byte, when it is made again', async () => {
    await copyFile(tarball, folder('first.tgz'));
    assert((await readFile(await packOffline())).equals(await readFile(folder('first.tgz'))));
  });

  it('names as dependencies what it holds, each with its license, and nothing that would be compiled', async () => {
    const manifest = JSON.parse(await readFile(folder('unpacked/package.json'), 'utf8'));
    const names = Object.keys(manifest.dependencies);
    assert.deepEqual(manifest.bundleDependencies, names);
    assert(names.includes('undici') && !names.includes('zlib-sync'), names.join());
    assert.deepEqual([manifest.optionalDependencies, manifest.scripts], [undefined, undefined]);
    const folders = paths.filter((path) => /^node_modules\/.*package\.json$/.test(path));
    for (const path of folders) {
      const { license, scripts = {} } = JSON.parse(await readFile(folder(`unpacked/${path}`), 'utf8'));
      assert(typeof license === 'string', path);
      assert(!('install' in scripts || 'postinstall' in scripts || 'preinstall' in scripts), path);
    }
  });

  it('installs nothing but what it holds', async () => {
    const installed = await readdir(folder('prefix/lib/node_modules'));
    assert.deepEqual(installed, ['lading']);
    const files = await readdir(folder('prefix/lib/node_modules/lading'), {
      recursive: true,
      withFileTypes: true,
    });
    assert.equal(files.filter((file) => file.isFile()).length, paths.length);
  });

  it('has each command', async () => {
    for (const { name } of COMMANDS) await lading(name, '--help');
    assert.match(await lading('completion'), /lading/);
  });

  it('serves, saves, verifies, converts, copies, loads, shows and lists images', async () => {
    await mkdir(folder('registry'));
    const source = await serve(ARCHIVE);
    const destination = await serve('--writable', folder('registry'));
    try {
      const [repository = ''] = (await lading('ls', source.host)).split('\n');
      const { tags } = JSON.parse(await lading('ls', '--json', repository));
      await lading('save', `${repository}:${tags[0]}`, '-o', folder('saved.tar'));
      await lading('verify', folder('saved.tar'));
      await lading('convert', folder('saved.tar'), '-o', folder('converted.tar'), '--to', 'oci');
      await lading('copy', folder('saved.tar'), folder('layout/'));
      await lading('load', '-i', folder('saved.tar'), `${destination.host}/loaded`);
      assert.match(await lading('inspect', folder('layout')), /linux\/amd64/);
      assert.match(await lading('ls', folder('converted.tar')), /sha256:/);
      assert.match(await lading('ls', destination.host), /\/loaded\//m);
    } finally {
      await Promise.all([source.stop(), destination.stop()]);
    }
  });

  it('is also the library, with threads and with all that it needs', async () => {
    const script = `import('lading').then(async ({ verify }) => console.log((await verify(process.argv[1])).ok))`;
    const cwd = folder('prefix/lib/node_modules/lading');
    assert.equal(await succeed(process.execPath, ['-e', script, ARCHIVE], { cwd }), 'true');
  });

  function lading(...args: string[]): Promise<string> {
    return succeed(folder('prefix/bin/lading'), args, { env: npmEnvironment(folder()) });
  }

  async function serve(...args: string[]): Promise<{ host: string; stop(): Promise<unknown> }> {
    const options = { env: npmEnvironment(folder()) };
    const { process: server, outcome } = start(
      folder('prefix/bin/lading'),
      ['serve', ...args, '--listen', '127.0.0.1:0'],
      options,
    );
    assert(server.stdout !== null);
    for await (const line of createInterface({ input: server.stdout })) {
      const host = /http:\/\/(127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (host === undefined) continue;
      const stop = (): Promise<unknown> => {
        server.kill('SIGTERM');
        return outcome;
      };
      return { host, stop };
    }
    throw new Error(`the server did not start: ${(await outcome).stderr}`);
  }
});

async function packOffline(): Promise<string> {
  const output = await succeed(process.execPath, [join(ROOT, 'src/packaging/offline.mjs')]);
  return join(ROOT, output.replace(/:.*/, ''));
}
