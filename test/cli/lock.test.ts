import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { runLading } from './program.js';

describe('lading lock, and save with locks', () => {
  const path = useFolder('each test');
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await startRegistry();
    await registry.put('app:1', await makeImage({ seed: 'one' }));
    await registry.put('app:2', await makeImage({ seed: 'two' }));
  });
  afterEach(() => registry.close());

  const lading = (...args: string[]) => runInProcess([...args, '--quiet']);

  it('writes a lock of a list, saves by it, and shows what an update changes', async () => {
    const image = `${registry.name}/app:1`;
    await writeFile(path('list.txt'), `${image}\n`);
    const locked = await lading('lock', '-f', path('list.txt'), '-o', path('lock.json'));
    assert.deepEqual([locked.code, locked.stdout], [0, `1 image in ${path('lock.json')}\n`], locked.stderr);
    const printed = await lading('lock', image);
    assert.equal(printed.stdout, await readFile(path('lock.json'), 'utf8'));
    const first = await lading('save', '--lock', path('lock.json'), '-o', path('a.tar'));
    assert.equal(first.code, 0, first.stderr);
    const [digest] = /sha256:[0-9a-f]{64}/.exec(first.stdout) ?? [];

    await registry.put('app:1', await makeImage({ seed: 'other' }));
    const second = await lading('save', '--lock', path('lock.json'), '-o', path('b.tar'));
    assert.equal(second.code, 0, second.stderr);
    assert((await readFile(path('a.tar'))).equals(await readFile(path('b.tar'))));

    const updated = await lading('save', '--lock', path('lock.json'), '--update', '-o', path('c.tar'));
    assert.match(
      updated.stdout,
      new RegExp(
        `^moved  ${image}  ${digest} -> sha256:[0-9a-f]{64}\nsince the lock: 1 moved, 0 unchanged\n`,
      ),
    );
    const again = await lading('lock', '--lock', path('lock.json'), '-o', path('lock.json'), '--json');
    const { difference } = JSON.parse(again.stdout);
    assert.equal(difference.moved[0].from, digest);
    const third = await lading('save', '--lock', path('lock.json'), '-o', path('d.tar'));
    assert.equal(third.code, 0, third.stderr);
    assert((await readFile(path('c.tar'))).equals(await readFile(path('d.tar'))));
  });

  it("writes imgpkg's ImagesLock, and reads it from standard input", async () => {
    const { stdout } = await lading('lock', `${registry.name}/app:1`, '--lock-format', 'imgpkg');
    assert.match(stdout, /^---\napiVersion: imgpkg\.carvel\.dev\/v1alpha1\nimages:\n/);
    const saved = await runLading(['save', '--lock', '-', '-o', path('a.tar'), '--json', '-q'], {
      stdin: stdout,
    });
    assert.equal(saved.code, 0, saved.stderr);
    assert.equal(JSON.parse(saved.stdout).images[0].name, `${registry.name}/app:1`);
  });

  it('says in one line what is wrong with a lock, and exits with 3; with 2 where flags contradict it', async () => {
    await writeFile(path('bad.json'), '{"mediaType":"application/vnd.lading.lock.v1+json","images":[]}');
    const bad = await lading('save', '--lock', path('bad.json'), '-o', path('a.tar'));
    assert.equal(bad.code, 3);
    assert.match(bad.stderr, /^lading: .*bad\.json is not a valid lock: [^\n]*\n$/);
    await lading('lock', `${registry.name}/app:1`, '-o', path('lock.json'));
    const both = await lading(
      'save',
      `${registry.name}/app:2`,
      '--lock',
      path('lock.json'),
      '-o',
      path('a.tar'),
    );
    assert.equal(both.code, 2);
    const none = await lading('save', '--lock', path('no.json'), '-o', path('a.tar'));
    assert.deepEqual([none.code, none.stderr.split('\n').length <= 3], [5, true], none.stderr);
  });
});
