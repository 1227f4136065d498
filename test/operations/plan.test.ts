import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { isLadingError } from '../../src/errors.js';
import { planSave, waitFor } from '../../src/operations/plan.js';
import { save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { makeCosignSignature, makeImage, makeIndex } from '../support/images.js';
import { limitPulls } from '../support/limited-registry.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('the plan of a save', () => {
  const path = useFolder();
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
    const shared = await makeImage({ seed: 'shared', layers: [5000, 100] });
    const index = makeIndex([
      shared,
      await makeImage({ seed: 'arm', layers: [3000], platform: { os: 'linux', architecture: 'arm64' } }),
    ]);
    await registry.put('app:1', index);
    const signature = makeCosignSignature(index.manifest.descriptor, 'a signature');
    await registry.put(`app:${signature.tag}`, signature);
    await registry.put('other:1', shared);
    await registry.put('old:1', await makeImage({ seed: 'docker', format: 'docker', layers: [777] }));
  });
  after(() => registry.close());

  const named = (...images: string[]): string[] => images.map((image) => `${registry.name}/${image}`);
  type Case = [what: string, options: Partial<SaveOptions>, output: string, before?: string[]];
  const ALL = ['app:1', 'other:1', 'old:1'];
  const CASES: Case[] = [
    ['an archive', {}, 'x.tar'],
    ['an OCI archive', { format: 'oci-archive' }, 'x.tar'],
    ['a layout', {}, 'x/'],
    ['a docker-archive', { format: 'docker-archive' }, 'x.tar'],
    ['a compressed archive', {}, 'x.tar.gz'],
    ['one platform', { platforms: ['linux/amd64'] }, 'x.tar'],
    ['one platform of whole indexes', { platforms: ['linux/amd64'], index: 'sparse' }, 'x.tar'],
    ["another platform in Docker's half", { dockerPlatform: 'linux/arm64' }, 'x.tar'],
    ['no attachments', { referrers: false }, 'x.tar'],
    ['an archive that has some of it', { append: true }, 'x.tar', ['other:1']],
    ['an archive that has all of it', {}, 'x.tar', ALL],
    ['an archive that has all of it, with more', { append: true }, 'x.tar', ALL],
    ['a layout that has some of it', { append: true }, 'x/', ['old:1', 'other:1']],
    ['a layout that has all of it', {}, 'x/', ALL],
  ];
  for (const [what, options, output, earlier] of CASES)
    it(`has the bytes of the save, to the last one: ${what}`, async () => {
      const images = named(...ALL);
      if (earlier !== undefined) await save({ images: named(...earlier), output: path(output) });
      const sentBefore = registry.requests.length;
      const plan = await planSave({ ...options, images, output: path(output) });
      const pulls = registry.requests.slice(sentBefore).filter(isPull).length;
      const from = registry.requests.length;
      const saved = await save({ ...options, images, output: path(output) });
      assert.deepEqual(
        { images: plan.images, bytes: plan.bytes, blobs: plan.blobs },
        {
          images: saved.images,
          bytes: { total: saved.bytes.total, missing: saved.bytes.fetched },
          blobs: { total: saved.blobs.total, missing: saved.blobs.fetched, present: saved.blobs.reused },
        },
      );
      const asked = plan.registries[0];
      const done = registry.requests.slice(from);
      assert.equal(asked?.manifests.get, done.filter(isPull).length);
      assert.equal(asked?.manifests.get, pulls);
      const blobs = new Set(
        done
          .filter(({ method, url }) => method === 'GET' && /\/blobs\//.test(url))
          .map(({ url }) => url.replace(/.*\//, '')),
      );
      if (options.format !== 'docker-archive') assert.equal(asked?.blobs, [...blobs].length);
      if (output === 'x.tar' && options.format !== 'docker-archive')
        assert.deepEqual(plan.size, { bytes: (await stat(path(output))).size, kind: 'exact' });
    });

  const isPull = ({ method, url }: { method: string; url: string }): boolean =>
    method === 'GET' && /\/manifests\//.test(url);

  it('writes nothing, and needs no output', async () => {
    await mkdir(path('empty'));
    await planSave({ images: named('app:1'), output: path('empty/x.tar') });
    await assert.rejects(stat(path('empty/x.tar')), { code: 'ENOENT' });
    await assert.rejects(stat(path('empty/x.tar.part')), { code: 'ENOENT' });
    const plan = await planSave({ images: named('app:1') });
    await save({ images: named('app:1'), output: path('y.tar') });
    assert.equal(plan.size?.bytes, (await readFile(path('y.tar'))).byteLength);
    assert.equal(plan.output, undefined);
  });

  it('fails as the save would, before its first byte', async () => {
    await writeFile(path('z.tar'), 'not an archive');
    await assert.rejects(planSave({ images: named('app:1'), output: path('z.tar') }), {
      code: 'ALREADY_EXISTS',
    });
    await assert.rejects(planSave({ images: named('app:none') }), { code: 'NOT_FOUND' });
  });

  it('tells what does not fit: free space, and the 4 GiB of FAT', async () => {
    const statfs = async () => ({ type: 0xef53, bavail: 2, bsize: 1024 });
    const { problems, space } = await planSave({ images: named('app:1'), output: path('f.tar'), statfs });
    assert.deepEqual([problems[0]?.code, space?.free], ['NO_SPACE', 2048]);
    const huge = await makeImage({ seed: 'huge' });
    const [layer] = huge.layers;
    assert(layer);
    // A manifest that states a large layer; nobody fetches it.
    const document = JSON.parse(huge.manifest.bytes.toString());
    document.layers[0].size = 2 ** 32;
    const bytes = Buffer.from(JSON.stringify(document));
    const { digestOf } = await import('../../src/content/digest.js');
    const descriptor = { ...huge.manifest.descriptor, digest: digestOf(bytes), size: bytes.byteLength };
    await registry.put('huge:1', {
      all: [...huge.all, { descriptor, bytes }],
      manifest: { descriptor, bytes },
    });
    const fat = async () => ({ type: 0x4d44, bavail: 2 ** 30, bsize: 4096 });
    for (const output of ['fat.tar', 'fat/']) {
      const plan = await planSave({ images: named('huge:1'), output: path(output), statfs: fat });
      assert.deepEqual(
        plan.problems.map(
          (problem) => isLadingError(problem, 'USAGE') && /FAT file system/.test(problem.message),
        ),
        [true],
      );
    }
  });

  it('counts pulls, and what they cost where a registry limits them', async () => {
    await using limited = await limitPulls(registry.name, { limit: 100, windowSeconds: 21_600 });
    const images = ALL.map((name) => `${limited.name}/${name}`);
    const plan = await planSave({ images, output: path('l.tar') });
    const [asked] = plan.registries;
    assert.equal(asked?.manifests.get, limited.pulls);
    assert.deepEqual(asked?.allowance, {
      limit: 100,
      remaining: 100 - limited.pulls,
      windowSeconds: 21_600,
      source: '192.0.2.7',
    });
    assert.equal(asked?.waitSeconds, 0);
    limited.pulls = 0;
    await save({ images, output: path('l.tar') });
    assert.equal(asked?.manifests.get, limited.pulls);
    await using silent = await limitPulls(registry.name, { limit: 100, windowSeconds: 1, tells: false });
    const other = await planSave({ images: [`${silent.name}/app:1`], output: path('m.tar') });
    assert.equal(other.registries[0]?.allowance, undefined);
    assert.equal(other.registries[0]?.waitSeconds, undefined);
  });

  it('asks by HEAD alone for what the output has, which costs nothing', async () => {
    await using limited = await limitPulls(registry.name, { limit: 20, windowSeconds: 3600 });
    const images = [`${limited.name}/other:1`];
    await save({ images, output: path('h.tar') });
    limited.left = 0;
    const plan = await planSave({ images, output: path('h.tar') });
    assert.deepEqual(plan.registries[0]?.manifests, { get: 0, head: 1 });
    assert.deepEqual([plan.bytes.missing, plan.registries[0]?.waitSeconds], [0, 0]);
  });

  it('says how many windows the pulls take', () => {
    const docker = { limit: 100, remaining: 100, windowSeconds: 21_600 };
    assert.equal(waitFor(100, docker), 0);
    assert.equal(waitFor(101, docker), 21_600);
    assert.equal(waitFor(212, docker), 2 * 21_600);
    assert.equal(waitFor(5, { ...docker, remaining: undefined }), undefined);
    assert.equal(waitFor(500, { ...docker, windowSeconds: undefined }), undefined);
  });
});
