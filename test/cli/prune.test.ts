import assert from 'node:assert/strict';
import { utimes, writeFile } from 'node:fs/promises';
import type { Descriptor } from '../../src/content/descriptor.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { useBucket } from '../store/bucket/use-bucket.js';
import { makeImage, makeReferrer, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';

const DAY_MS = 24 * 3600_000;

describe('lading prune', () => {
  const path = useFolder();
  const lading = (...args: string[]) => runInProcess(args);

  it('says what would go, removes it, and gives all of it as data', async () => {
    const [kept, old] = [await makeImage({ seed: 'kept' }), await makeImage({ seed: 'old' })];
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...kept.all, ...old.all]);
    await store.tag(kept.manifest.descriptor, 'app:1');
    await store.commit();
    await store.close();
    for (const { descriptor } of old.all) await utimes(path(`layout/${blobPath(descriptor.digest)}`), 0, 0);
    const told = await lading('prune', path('layout'), '--dry-run');
    assert.match(told.stdout, /would go +sha256:/);
    assert.match(told.stdout, /1 name, 4 blobs kept \([^)]+\), 4 would go \(/);
    const pruned = await lading('prune', path('layout'), '--json');
    assert.equal(pruned.code, 0, pruned.stderr);
    const { removed, dryRun, kept: left } = JSON.parse(pruned.stdout);
    assert.deepEqual([removed.length, dryRun, left.blobs], [4, false, 4]);
  });

  it('refuses an archive, and says that a path does not exist', async () => {
    await writeFile(path('a.tar'), '');
    const archive = await lading('prune', path('a.tar'));
    assert.equal(archive.code, 2);
    assert.match(
      archive.stderr,
      /a\.tar is a file, and content is removed only from directories and buckets/,
    );
    const nothing = await lading('prune', path('nothing'));
    assert.equal(nothing.code, 5);
    assert.match(nothing.stderr, /nothing does not exist\n/);
  });

  it('refuses an age that is none', async () => {
    const { code, stderr } = await lading('prune', path('layout'), '--older-than', '24');
    assert.equal(code, 2);
    assert.match(stderr, /--older-than is a number with s, m, h or d, such as 24h, not "24"/);
  });
});

describe('lading prune of a bucket', () => {
  const bucket = useBucket();
  const lading = (...args: string[]) =>
    runInProcess(args, { env: { ...bucket.fake.environment, LADING_PROGRESS: 'none' } });
  const index = (): Descriptor[] =>
    JSON.parse(bucket.fake.objects.get('p/index.json')?.bytes.toString() ?? '').manifests;

  it('takes out of index.json what goes, and leaves what stays, for tools that read layouts', async () => {
    const [kept, old] = [await makeImage({ seed: 'kept' }), await makeImage({ seed: 'old' })];
    const attached = [kept, old].map(({ manifest }) =>
      makeReferrer(manifest.descriptor, { artifactType: 'application/vnd.test', payload: 's' }),
    );
    const store = await bucket.write();
    await pushAll(
      store,
      [kept, old, ...attached].flatMap(({ all }) => [...all]),
    );
    await store.tag(kept.manifest.descriptor, 'registry.test/app:2');
    await store.tag(old.manifest.descriptor, 'registry.test/app:1');
    await store.writeIndex();
    assert.equal(index().length, 4);
    // By another tool: lading rm would have changed the index.
    const name = Buffer.from('registry.test/app:1').toString('base64url');
    assert.ok(bucket.fake.objects.delete(`p/names/${name}.json`));
    bucket.fake.pass(2 * DAY_MS);

    const told = await lading('prune', 's3://images/p', '--dry-run', '--json');
    assert.equal(told.code, 0, told.stderr);
    assert.equal(index().length, 4);
    const pruned = await lading('prune', 's3://images/p', '--pause', '0s', '--json');
    assert.equal(pruned.code, 0, pruned.stderr);
    const { removed } = JSON.parse(pruned.stdout) as { removed: Descriptor[] };
    assert.ok(removed.some(({ digest }) => digest === old.manifest.descriptor.digest));
    const [, orphan] = attached;
    assert.ok(removed.some(({ digest }) => digest === orphan?.manifest.descriptor.digest));
    assert.deepEqual(
      index()
        .map(({ digest }) => digest)
        .sort(),
      [kept, attached[0]].map((image) => image?.manifest.descriptor.digest).sort(),
    );
    for (const { digest } of index())
      assert.ok(bucket.fake.objects.has(`p/blobs/${digest.replace(':', '/')}`));
  });

  it('makes no index.json where there was none', async () => {
    const image = await makeImage({ seed: 'nameless' });
    await pushAll(await bucket.write(), image.all);
    bucket.fake.pass(2 * DAY_MS);
    const { code, stderr } = await lading('prune', 's3://images/p', '--pause', '0s');
    assert.equal(code, 0, stderr);
    assert.equal(bucket.fake.objects.has('p/index.json'), false);
    assert.equal([...bucket.fake.objects.keys()].filter((key) => key.includes('blobs/')).length, 0);
  });
});
