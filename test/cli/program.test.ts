import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { LadingError } from '../../src/errors.js';
import { type SaveResult, save } from '../../src/operations/save.js';
import type { Source } from '../../src/store/store.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { fixturePath } from '../support/fixtures.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { overriding } from '../support/openers.js';
import { ask } from '../support/registry-server.js';
import { startSocksServer } from '../support/socks-server.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading, startLading } from './program.js';

describe('the program', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let a: MadeImage;
  before(async () => {
    registry = await startRegistry();
    a = await makeImage({ seed: 'a', layers: [300_000] });
    await registry.put('a:1', a);
    await registry.put('a:2', a);
    const broken = await makeImage({ seed: 'broken' });
    await registry.put('broken:1', broken);
    registry.replace(
      'broken',
      overriding(registry.storeOf('broken'), {
        async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
          const isLayer = broken.layers.some((layer) => layer.descriptor.digest === descriptor.digest);
          if (isLayer) throw new LadingError('NOT_FOUND', 'gone');
          return registry.storeOf('broken').fetch(descriptor, options);
        },
      }),
    );
  });
  after(() => registry.close());

  const image = (name: string): string => `${registry.name}/${name}`;

  it('tells its version and its help on standard output', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.deepEqual(await runLading(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
    const help = await runLading(['save', '--help']);
    assert.deepEqual([help.code, help.stderr], [0, '']);
    for (const flag of ['--output', '--platform', '--append', '--all-tags', '--[no-]referrers'])
      assert.ok(help.stdout.includes(flag), flag);
    assert.match(help.stdout, /lading save alpine:3\.20 -o alpine\.tar/);
  });

  it('takes what follows -- as arguments, and refuses what it takes for a flag there too', async () => {
    await runInProcess(['save', image('a:1'), image('a:2'), '-o', path('both.tar')]);
    const { code, stdout } = await runLading(['inspect', path('both.tar'), '--', image('a:2')]);
    assert.equal(code, 0);
    assert.match(stdout, /a:2/);
    assert.doesNotMatch(stdout, /a:1/);
    assert.equal((await runLading(['--', 'verify', path('absent.tar')])).code, 5);
    assert.equal((await runInProcess(['--max-ratio', '9', 'verify', path('absent.tar')])).code, 5);
    const stderr =
      'lading: "-x.tar" is taken for a flag, even after --\nhint: If it is a file, write ./-x.tar.\n';
    assert.deepEqual(await runInProcess(['verify', '--', '-x.tar']), { code: 2, stdout: '', stderr });
  });

  it('leaves images that follow a flag of several values to themselves', async () => {
    const flags = [
      '--mirror',
      'reg.test=127.0.0.1:1',
      '--platform',
      'linux/amd64',
      '--platform',
      'linux/arm64',
    ];
    const { code, stderr } = await runLading(['save', ...flags, image('a:3'), '-o', path('x.tar')]);
    assert.deepEqual([code, stderr.includes('tag "3"')], [5, true]);
  });

  it('ends with 5 for what is not there: one line that says it, and a hint', async () => {
    const outcome = await runLading(['save', image('a:3'), '-o', path('x.tar'), '--progress', 'none']);
    assert.equal(outcome.code, 5);
    assert.equal(outcome.stdout, '');
    assert.match(outcome.stderr, /^lading: [^\n]*a[^\n]*\n(hint: [^\n]+\n)?$/);
    assert.equal((await runInProcess(['inspect', path('missing.tar')])).code, 5);
    assert.equal((await runInProcess(['save', '-f', path('missing.txt'), '-o', path('x.tar')])).code, 5);
  });

  it('prints an error as one JSON document where JSON is asked for', async () => {
    const { code, stdout, stderr } = await runLading(['inspect', path('missing.tar'), '--json']);
    assert.equal(code, 5);
    const { error } = JSON.parse(stdout);
    assert.deepEqual([error.code, error.message], ['NOT_FOUND', `${path('missing.tar')} does not exist`]);
    assert.equal(stderr, '');
  });

  it('ends with 3 when content is wrong, a finding a line', async () => {
    const right = await runLading(['verify', fixturePath('layouts/synthetic/ok.tar')]);
    assert.equal(right.code, 0);
    assert.match(right.stdout, /all right\n$/);
    const wrong = await runLading(['verify', fixturePath('layouts/synthetic/corrupt-blob.tar')]);
    assert.equal(wrong.code, 3);
    assert.match(
      wrong.stdout,
      /^DIGEST_MISMATCH {2}sha256:[0-9a-f]{64} {2}.*\ndamaged image {2}v1 {2}sha256:[0-9a-f]{64}\n.*: 1 finding\n$/,
    );
    const json = await runInProcess(['verify', fixturePath('layouts/synthetic/corrupt-blob.tar'), '--json']);
    const document = JSON.parse(json.stdout);
    assert.deepEqual([json.code, document.ok], [3, false]);
    assert.deepEqual(Object.keys(document), ['ok', 'checked', 'documents', 'findings', 'damaged', 'notes']);
    assert.deepEqual(Object.keys(document.findings[0]).sort(), ['code', 'digest', 'message', 'path']);
  });

  it('ends with 7 when nobody is there', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    await new Promise((resolve) => server.close(resolve));
    const args = ['save', `127.0.0.1:${address.port}/a:1`, '-o', path('x.tar'), '--retries', '0'];
    const { code, stderr } = await runLading(args);
    assert.equal(code, 7);
    assert.match(stderr, /^lading: .*127\.0\.0\.1/m);
  });

  it('saves, and prints nothing but the result on standard output', async () => {
    const { code, stdout } = await runLading(['save', image('a:1'), '-o', path('x.tar'), '--json']);
    assert.equal(code, 0);
    const result: SaveResult = JSON.parse(stdout);
    const blobs = a.layers.length + 1;
    const size = a.all.reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.deepEqual(result, {
      output: path('x.tar'),
      format: 'universal',
      images: [
        {
          name: image('a:1'),
          digest: a.manifest.descriptor.digest,
          mediaType: a.manifest.descriptor.mediaType,
          platforms: [a.platform],
          size,
          referrers: 0,
        },
      ],
      blobs: { total: blobs, fetched: blobs, reused: 0 },
      bytes: { total: size, fetched: size },
    });
    const text = await runInProcess(['save', image('a:1'), '-o', path('y.tar'), '--quiet']);
    assert.deepEqual([text.code, text.stderr], [0, '']);
    assert.match(
      text.stdout,
      new RegExp(`^${image('a:1')} {2}${a.manifest.descriptor.digest} {2}\\S+ kB\n1 image in .*\n$`),
    );
  });

  it('writes an archive to standard output, and the result to standard error', async () => {
    const file = path('stdout.tar');
    const { code, stderr } = await runLading(['save', image('a:1'), '-o', '-', '--json'], {
      stdoutFile: file,
    });
    assert.equal(code, 0);
    assert.ok(stderr.includes('"output": "-"'));
    await save({ images: [image('a:1')], output: path('x.tar') });
    assert.ok((await readFile(file)).equals(await readFile(path('x.tar'))));
  });

  it('takes a list of images from a file and from standard input', async () => {
    await writeFile(path('images.txt'), `# ours\n${image('a:1')}  # one\n`);
    const args = ['-o', path('layout/'), '--json', '--append'];
    const fromFile = await runInProcess(['save', '-f', path('images.txt'), ...args]);
    assert.equal(fromFile.code, 0, fromFile.stderr);
    const fromStdin = await runLading(['save', '-f', '-', ...args], { stdin: `${image('a:2')}\n` });
    assert.equal(fromStdin.code, 0, fromStdin.stderr);
    const { stdout } = await runInProcess(['ls', path('layout')]);
    assert.deepEqual(
      stdout.split('\n').map((line) => line.split(' ')[0]),
      ['NAME', image('a:1'), image('a:2'), '2', ''],
    );
  });

  it('ends with 4 when some images failed and the others are done', async () => {
    const images = [image('broken:1'), image('a:1'), image('a:3')];
    const outcome = await runLading(['save', ...images, '-o', path('x.tar'), '--keep-going', '--json']);
    assert.equal(outcome.code, 4, outcome.stderr);
    const { images: saved, failures } = JSON.parse(outcome.stdout);
    assert.deepEqual(
      saved.map(({ name }: { name: string }) => name),
      [image('a:1')],
    );
    assert.deepEqual(
      failures.map(({ name, error }: { name: string; error: { code: string } }) => [name, error.code]).sort(),
      [
        [image('a:3'), 'NOT_FOUND'],
        [
          image('broken:1'),
          failures.find(({ name }: { name: string }) => name.includes('broken'))?.error.code,
        ],
      ],
    );
  });

  for (const [signal, exit] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    it(`ends with ${exit} when ${signal} interrupts it, and goes on from there`, async () => {
      const [layer] = a.layers;
      assert.ok(layer);
      let release = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      async function* stopping(): AsyncIterable<Buffer> {
        yield layer?.bytes.subarray(0, 100_000) ?? Buffer.alloc(0);
        yield layer?.bytes.subarray(100_000, 100_001) ?? Buffer.alloc(0);
        await released;
      }
      const store = registry.storeOf('a');
      registry.replace(
        'a',
        overriding(store, {
          async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
            if (descriptor.digest !== layer.descriptor.digest) return store.fetch(descriptor, options);
            return Readable.from(stopping());
          },
        }),
      );
      const args = ['save', image('a:1'), '-o', path(`x-${signal}.tar`)];
      const { process: child, outcome } = startLading([...args, '--progress', 'json']);
      assert.ok(child.stderr);
      for await (const line of createInterface({ input: child.stderr })) {
        if (line.includes('"received"') && line.includes(layer.descriptor.digest)) break;
      }
      child.kill(signal);
      assert.equal((await outcome).code, exit);
      release();
      registry.replace('a', store);
      assert.equal(existsSync(path(`x-${signal}.tar`)), false);
      const again = await runLading([...args, '--json']);
      assert.equal(again.code, 0, again.stderr);
      const { bytes } = JSON.parse(again.stdout);
      assert.ok(bytes.fetched <= bytes.total - 100_000, `${bytes.fetched} of ${bytes.total}`);
    });

  it('tells programs of errors in lines of JSON, of wrong usage too', async () => {
    const calls: [args: string[], env: Record<string, string>, code: string][] = [
      [['ls', path('missing.tar'), '--progress', 'json'], {}, 'NOT_FOUND'],
      [['sav', '--progress=json'], {}, 'USAGE'],
      [['ls', '--nosuch', 'x'], { LADING_PROGRESS: 'json' }, 'USAGE'],
    ];
    for (const [args, env, code] of calls) {
      const { stderr } = await runLading(args, { env });
      assert.equal(JSON.parse(stderr).error.code, code, 'the only line');
    }
  });

  it('serves until it is told to stop, and says where', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    const { process: child, outcome } = startLading(['serve', archive, '--listen', '127.0.0.1:0', '--quiet']);
    assert.ok(child.stdout);
    const { value: url } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    const [, port] = /^http:\/\/127\.0\.0\.1:(\d+)$/.exec(url) ?? [];
    assert.equal((await ask(Number(port), '/v2/fx/tiny/manifests/1')).status, 200);
    child.kill('SIGTERM');
    assert.deepEqual([(await outcome).code, (await outcome).stderr], [0, '']);
  });

  it('reaches a registry through a SOCKS proxy', async () => {
    const proxy = await startSocksServer({ port: Number(registry.name.split(':')[1]) });
    try {
      const { code, stderr } = await runLading(
        ['save', 'reg.invalid/a:1', '--plain-http', '-o', path('socks.tar')],
        { env: { HTTP_PROXY: `socks5://${proxy.host}` } },
      );
      assert.equal(code, 0, stderr);
      assert.ok(proxy.asked.every((place) => place.startsWith('reg.invalid:')));
    } finally {
      await proxy.close();
    }
  });
});
