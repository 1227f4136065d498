import assert from 'node:assert/strict';
import { removeBucketNames } from '../../src/store/bucket/remove-names.js';
import type { RemovalChoice } from '../../src/store/removal.js';
import { useBucket } from '../store/bucket/use-bucket.js';
import { type Filled, fill, namesIn, namesOf } from './removable.js';

describe('removeNames of a bucket', () => {
  const bucket = useBucket();

  const remove = async (images: string[], options: Partial<RemovalChoice> & { dryRun?: boolean } = {}) =>
    removeBucketNames(await bucket.write(), { images, ...options });
  const names = async (): Promise<string[]> => namesOf(await bucket.read());
  const filledBucket = async (): Promise<Filled> => fill(await bucket.write());

  it('removes names and attachments by tag, on the condition that they are what they were', async () => {
    await filledBucket();
    assert.deepEqual((await remove(['registry.test/app:1'])).left, 2);
    const told = await remove(['registry.test/app:latest'], { dryRun: true });
    assert.equal(bucket.count('DELETE'), 1);
    const { removed, left } = await remove(['registry.test/app:latest']);
    assert.deepEqual(removed, told.removed);
    assert.deepEqual([removed.length, left], [2, 1]);
    assert.deepEqual(await names(), ['registry.test/tools/app:2']);
    assert.equal(
      bucket.count('DELETE', ({ headers }) => headers['if-match'] !== undefined),
      3,
    );
  });

  it('leaves a name that another program moves meanwhile, and says so', async () => {
    const { two } = await filledBucket();
    const other = await bucket.write();
    await other.prepare();
    let moving: Promise<void> | undefined;
    const store = await bucket.write();
    // The other one moves the name when its entry has been read.
    const { remove: removeOne } = store.bucketNames;
    store.bucketNames.remove = async (...given) => {
      moving ??= other.tag(two.manifest.descriptor, 'registry.test/app:1');
      await moving;
      return removeOne.apply(store.bucketNames, given);
    };
    const { removed, failures } = await removeBucketNames(store, { images: ['registry.test/app:*'] });
    assert.deepEqual(
      failures.map(({ name }) => name),
      ['registry.test/app:1'],
    );
    assert.ok(namesIn(removed).includes('registry.test/app:latest'));
    const found = await (await bucket.read()).resolve('registry.test/app:1');
    assert.equal(found.digest, two.manifest.descriptor.digest);
  });

  it('counts a name as removed if the answer to the first request was lost', async () => {
    await filledBucket();
    let isFirst = true;
    bucket.fake.fail(({ method }) => {
      if (method !== 'DELETE' || !isFirst) return undefined;
      isFirst = false;
      return { status: 500, isDone: true };
    });
    const { removed, failures } = await remove(['tools/app:2']);
    assert.deepEqual([removed.length, failures], [1, []]);
  });

  it('takes names out of index.json, which would give them again if none were left', async () => {
    await filledBucket();
    const store = await bucket.write();
    await store.writeIndex();
    await remove(['tools/app:2']);
    const index = () => JSON.parse(bucket.fake.objects.get('p/index.json')?.bytes.toString() ?? '');
    assert.equal(index().manifests.length, 4);
    await remove(['**']);
    assert.deepEqual(await names(), []);
    assert.deepEqual(index().manifests, []);
    await remove(['**']).then(
      () => assert.fail('there is nothing left'),
      ({ code }) => assert.equal(code, 'NOT_FOUND'),
    );
  });

  it("removes names from another tool's layout, and keeps the others", async () => {
    await filledBucket();
    await (await bucket.write()).writeIndex();
    for (const key of [...bucket.fake.objects.keys()])
      if (key.includes('/names/') || key.includes('/attachments/')) bucket.fake.objects.delete(key);
    const told = await remove(['registry.test/app:1'], { dryRun: true });
    assert.equal(
      [...bucket.fake.objects.keys()].some((key) => key.includes('/names/')),
      false,
    );
    const { removed, left } = await remove(['registry.test/app:1']);
    assert.deepEqual(removed, told.removed);
    assert.equal(left, 2);
    assert.equal((await names()).includes('registry.test/app:1'), false);
    assert.equal((await names()).includes('registry.test/tools/app:2'), true);
  });

  it('names the permission that is missing', async () => {
    await filledBucket();
    bucket.fake.fail(({ method }) =>
      method === 'DELETE' ? { status: 403, code: 'AccessDenied' } : undefined,
    );
    await assert.rejects(remove(['tools/app:2']), { code: 'DENIED', hint: /s3:DeleteObject/ });
  });

  it('keeps what is attached if it is unknown what other names need', async () => {
    const { two } = await filledBucket();
    bucket.fake.objects.delete(`p/blobs/${two.manifest.descriptor.digest.replace(':', '/')}`);
    const { removed } = await remove(['registry.test/app:*']);
    assert.deepEqual(namesIn(removed), ['registry.test/app:1', 'registry.test/app:latest']);
    // A name whose manifest is missing goes, too.
    assert.equal((await remove(['tools/app:2'])).removed.length, 1);
  });

  describe('whose objects are damaged', () => {
    const damage = (name: string, text = '{"schemaVersion":2,"manifests":[]}'): void => {
      const bytes = Buffer.from(text);
      const key = `p/names/${Buffer.from(name).toString('base64url')}.json`;
      assert.ok(bucket.fake.objects.has(key), key);
      bucket.fake.objects.set(key, { bytes, etag: '"damaged"', modified: 0, headers: {} });
    };

    for (const [what, text] of [
      ['an entry too few', undefined],
      ['nothing', ''],
      ['too much', 'x'.repeat(300_000)],
    ] as const)
      it(`removes a name with ${what}, by what its key says`, async () => {
        await filledBucket();
        damage('registry.test/tools/app:2', text);
        await assert.rejects(names(), {
          code: 'INVALID_LAYOUT',
          message: /^s3:\/\/images\/p: the name registry\.test\/tools\/app:2 \(p\/names\/\w+\.json\) /,
          remedy: 'removeName',
          remedyFor: 's3://images/p registry.test/tools/app:2',
        });
        const told = await remove(['tools/app:2'], { dryRun: true });
        const { removed, left, failures } = await remove(['tools/app:2']);
        assert.deepEqual(removed, [{ name: 'registry.test/tools/app:2' }]);
        assert.deepEqual([removed, left], [told.removed, 2]);
        assert.deepEqual(failures, []);
        assert.equal(
          bucket.count('DELETE', ({ headers }) => headers['if-match'] === '"damaged"'),
          1,
        );
        assert.equal((await names()).length, 3);
      });

    it('removes them by patterns and locks, and other names beside them', async () => {
      await filledBucket();
      damage('registry.test/tools/app:2');
      // The damaged name might lead to what the signature belongs to, so that stays.
      assert.deepEqual(namesIn((await remove(['registry.test/app:*'])).removed), [
        'registry.test/app:1',
        'registry.test/app:latest',
      ]);
      const kept = await remove([], { keep: ['registry.test/tools/app:2'] });
      assert.deepEqual(kept.removed, []);
      const { removed } = await remove(['**']);
      assert.deepEqual(removed, [{ name: 'registry.test/tools/app:2' }]);
    });

    it('takes them out of index.json, and writes none while one stays', async () => {
      await filledBucket();
      await (await bucket.write()).writeIndex();
      damage('registry.test/app:1');
      await assert.rejects(remove(['tools/app:2']), { code: 'INVALID_LAYOUT' });
      await remove(['registry.test/app:1']);
      const index = JSON.parse(bucket.fake.objects.get('p/index.json')?.bytes.toString() ?? '');
      assert.equal(index.manifests.length, 4);
    });

    it('leaves one that another program has given anew meanwhile', async () => {
      const { two } = await filledBucket();
      damage('registry.test/tools/app:2');
      const store = await bucket.write();
      const { remove: removeOne } = store.bucketNames;
      store.bucketNames.remove = async (...given) => {
        await (await bucket.write()).tag(two.manifest.descriptor, 'registry.test/tools/app:2');
        return removeOne.apply(store.bucketNames, given);
      };
      const { removed, failures } = await removeBucketNames(store, { images: ['tools/app:2'] });
      assert.deepEqual([removed.length, failures.length], [0, 1]);
      assert.equal((await names()).length, 4);
    });
  });
});
