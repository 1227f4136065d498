import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { makeImage } from '../support/images.js';
import { limitPulls } from '../support/limited-registry.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

describe('lading plan', () => {
  const path = useFolder('each test');
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    await registry.put('app:1', await makeImage({ seed: 'one' }));
    await registry.put('app:2', await makeImage({ seed: 'two' }));
  });
  after(() => registry.close());

  const lading = (...args: string[]) => runInProcess([...args, '--quiet']);

  it('shows images, requests, pulls and bytes, and is what save shows with --dry-run', async () => {
    await using limited = await limitPulls(registry.name, { limit: 3, windowSeconds: 21_600 });
    const images = ['app:1', 'app:2'].map((name) => `${limited.name}/${name}`);
    const args = [...images, '--no-referrers', '-o', path('x.tar')];
    const plan = await lading('plan', ...args);
    assert.equal(plan.code, 0, plan.stderr);
    const lines = plan.stdout.trimEnd().split('\n');
    assert.equal(lines.length, 4, plan.stdout);
    assert.match(
      lines[2] ?? '',
      /^127\.0\.0\.1:\d+: 2 manifests, 6 blobs \(.* kB\); 1 of 3 pulls left in 6 h: log in for more, or wait up to 6 h/,
    );
    assert.match(lines[3] ?? '', /^2 images: .* kB, .* kB to fetch, \/.*x\.tar has .* kB, .* free$/);
    limited.left = 3;
    const dry = await lading('save', ...args, '--dry-run');
    const withoutFree = (text: string): string => text.replace(/, [^,]* free$/m, '');
    assert.equal(withoutFree(dry.stdout), withoutFree(plan.stdout));
    await assert.rejects(stat(path('x.tar')), { code: 'ENOENT' });
  });

  it('is data with --json, which says the size of the file to the byte', async () => {
    const args = [`${registry.name}/app:1`, '-o', path('x.tar')];
    const plan = await lading('plan', ...args, '--json');
    const { size, problems, registries } = JSON.parse(plan.stdout);
    assert.equal((await lading('save', ...args)).code, 0);
    assert.deepEqual(size, { bytes: (await stat(path('x.tar'))).size, kind: 'exact' });
    assert.deepEqual([problems, registries[0].registry], [[], registry.name]);
  });

  it('takes a lock, and needs no output', async () => {
    await lading('lock', `${registry.name}/app:1`, '-o', path('lock.json'));
    const plan = await lading('plan', '--lock', path('lock.json'));
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /\n1 image: .*, the archive has .* kB\n$/);
  });

  it('exits as the save would', async () => {
    assert.equal((await lading('plan', `${registry.name}/app:none`)).code, 5);
    assert.equal((await lading('plan')).code, 2);
  });
});
