import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Digest } from '../../src/content/digest.js';
import { prune } from '../../src/operations/prune/prune.js';
import { type RemoveNamesOptions, removeNames } from '../../src/operations/remove-names/remove-names.js';
import { verify } from '../../src/operations/verify/verify.js';
import { removeBucketNames } from '../../src/store/bucket/remove-names.js';
import { openLayout, openLayoutForWriting } from '../../src/store/layout/layout.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import type { RemovalChoice, RemovedName } from '../../src/store/removal.js';
import type { Source, Store } from '../../src/store/store.js';
import { useBucket } from '../store/bucket/use-bucket.js';
import {
  type MadeImage,
  type MadeSignature,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';

interface Filled {
  one: MadeImage;
  two: MadeImage;
  signature: MadeSignature;
  sbom: MadeImage;
}

/** Two images with three names, and what is attached to the one with two names: a signature by its tag, and an SBOM. */
async function fill(store: Store): Promise<Filled> {
  const [one, two] = await Promise.all(['one', 'two'].map((seed) => makeImage({ seed })));
  assert.ok(one && two);
  const signature = makeCosignSignature(one.manifest.descriptor);
  const sbom = makeReferrer(one.manifest.descriptor, { artifactType: 'application/vnd.test', payload: 's' });
  await pushAll(store, [...one.all, ...two.all, ...signature.all, ...sbom.all]);
  await store.tag(one.manifest.descriptor, 'registry.test/app:1');
  await store.tag(one.manifest.descriptor, 'registry.test/app:latest');
  await store.tag(signature.manifest.descriptor, `registry.test/app:${signature.tag}`);
  await store.tag(two.manifest.descriptor, 'registry.test/tools/app:2');
  await store.commit?.();
  return { one, two, signature, sbom };
}

async function namesOf(store: Source): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.names()) names.push(name);
  return names.sort();
}

const namesIn = (removed: readonly RemovedName[]): string[] => removed.map(({ name }) => name).sort();

describe('removeNames of a layout directory', () => {
  const path = useFolder('each test');
  let filled: Filled;

  beforeEach(async () => {
    const store = await openLayoutForWriting(path('layout'));
    filled = await fill(store);
    await store.close();
  });

  const remove = (images: string[], options: RemoveNamesOptions = {}) =>
    removeNames(path('layout'), images, options);
  const names = async (): Promise<string[]> => {
    const layout = await openLayout(path('layout'));
    try {
      return await namesOf(layout);
    } finally {
      await layout.close();
    }
  };
  const pruned = async (): Promise<Digest[]> =>
    (await prune(path('layout'), { olderThanMs: -1000 })).removed.map(({ digest }) => digest).sort();
  const digestsOf = (...images: MadeImage[]): Digest[] =>
    images.flatMap(({ all }) => [...all].map(({ descriptor }) => descriptor.digest)).sort();

  it('removes a name, and prune what no name leads to any more', async () => {
    const { removed, left, failures } = await remove(['tools/app:2']);
    const { digest } = filled.two.manifest.descriptor;
    assert.deepEqual(removed, [{ name: 'registry.test/tools/app:2', digest }]);
    assert.deepEqual([left, failures], [2, []]);
    assert.equal((await names()).length, 3);
    assert.deepEqual(await pruned(), digestsOf(filled.two));
    assert.ok((await verify(path('layout'))).ok);
  });

  it('leaves what is attached while another name leads to the image, and removes it with the last', async () => {
    const first = await remove(['registry.test/app:1']);
    assert.deepEqual(namesIn(first.removed), ['registry.test/app:1']);
    assert.deepEqual(await pruned(), []);
    const { one, signature, sbom } = filled;
    const last = await remove(['app:latest']);
    const subject = one.manifest.descriptor.digest;
    assert.deepEqual(
      last.removed.map((each) => [each.digest, each.subject]),
      [
        [subject, undefined],
        [signature.manifest.descriptor.digest, subject],
        [sbom.manifest.descriptor.digest, subject],
      ],
    );
    assert.deepEqual(await names(), ['registry.test/tools/app:2']);
    const gone = await pruned();
    assert.deepEqual(gone, [...new Set(digestsOf(one, signature, sbom))].sort());
    assert.ok((await verify(path('layout'))).ok);
  });

  it('leaves what is attached to an image of an index that has a name', async () => {
    const store = await openLayoutForWriting(path('layout'));
    const index = makeIndex([filled.one, filled.two]);
    await pushAll(store, index.all);
    await store.tag(index.manifest.descriptor, 'registry.test/multi:1');
    await store.commit();
    await store.close();
    const { removed, left } = await remove(['registry.test/app:*']);
    assert.deepEqual(namesIn(removed), ['registry.test/app:1', 'registry.test/app:latest']);
    assert.equal(left, 2);
    assert.deepEqual(await pruned(), []);
    const rest = await remove(['**']);
    assert.equal(rest.removed.length, 4);
    assert.deepEqual(await names(), []);
  });

  it('removes an attachment alone if it is named, and every name of a digest', async () => {
    const { signature, one } = filled;
    const alone = await remove([`registry.test/app:${signature.tag}`]);
    assert.deepEqual(namesIn(alone.removed), [`registry.test/app:${signature.tag}`]);
    assert.equal(alone.left, 3);
    const { removed } = await remove([one.manifest.descriptor.digest]);
    assert.deepEqual(namesIn(removed).slice(0, 2), ['registry.test/app:1', 'registry.test/app:latest']);
  });

  it('removes what is not in a list of names', async () => {
    const keep = ['registry.test/app', 'registry.test/elsewhere:1'];
    const { removed, left } = await remove([], { keep });
    assert.deepEqual(namesIn(removed), ['registry.test/app:1', 'registry.test/tools/app:2']);
    assert.equal(left, 1);
    assert.deepEqual((await remove([], { keep })).removed, []);
    await assert.rejects(remove([], { keep: ['registry.test/other:1'] }), {
      code: 'USAGE',
      message: /has none of the names that are to stay, so all would go/,
    });
    await assert.rejects(remove([]), { code: 'USAGE' });
  });

  it('changes nothing with dryRun, or if a text means nothing or too much', async () => {
    const before = await names();
    const told = await remove(['registry.test/**'], { dryRun: true });
    assert.deepEqual([told.removed.length, told.left, told.dryRun], [5, 0, true]);
    const [layer] = filled.one.layers;
    assert.ok(layer);
    for (const [text, code] of [
      ['registry.test/app:3', 'NOT_FOUND'],
      ['other/*', 'NOT_FOUND'],
      ['app:{>=7}', 'NOT_FOUND'],
      [layer.descriptor.digest, 'NOT_FOUND'],
      ['app', 'USAGE'],
    ] as const)
      await assert.rejects(remove(['registry.test/app:1', text]), { code }, text);
    const index = makeIndex([filled.one]);
    const store = await openLayoutForWriting(path('other'));
    await pushAll(store, index.all);
    await store.tag(index.manifest.descriptor, 'multi:1');
    await store.commit();
    await store.close();
    await assert.rejects(removeNames(path('other'), [filled.one.manifest.descriptor.digest]), {
      code: 'NOT_FOUND',
      message: /no name leads directly to sha256:/,
    });
    assert.deepEqual(await names(), before);
  });

  it('leaves what repositories of a registry have by digest, and names that others write meanwhile', async () => {
    const served = await openServedLayout(path('layout'));
    const other = await served.openForPush('other');
    const { two } = filled;
    for (const { descriptor } of [...two.layers, two.config])
      assert.ok(await other.mountBlob(descriptor.digest, 'tools/app'));
    await other.putManifest(two.manifest.descriptor, two.manifest.bytes);
    const save = await openLayoutForWriting(path('layout'));
    const three = await makeImage({ seed: 'three' });
    await pushAll(save, three.all);
    await save.tag(three.manifest.descriptor, 'registry.test/three:1');
    await remove(['tools/app:2']);
    await save.commit();
    await save.close();
    await served.close();
    assert.deepEqual((await names()).slice(0, 2), ['registry.test/app:1', 'registry.test/app:latest']);
    assert.ok((await names()).includes('registry.test/three:1'));
    assert.deepEqual(await pruned(), []);
  });

  it('refuses other places', async () => {
    await writeFile(path('a.tar'), '');
    for (const [place, said] of [
      [
        'docker://registry.test/app',
        /is a registry, and names are removed only from directories and buckets/,
      ],
      ['docker-daemon:app:1', /is of an engine/],
      [path('a.tar'), /is a file, and names are removed only from directories and buckets/],
      [`oci-archive:${path('a.tar')}`, /is a file/],
      [`oci:${path('layout')}:1`, /is an image, and a directory or a bucket is wanted/],
      ['registry.test/app:1', /looks like a registry/],
    ] as const)
      await assert.rejects(removeNames(place, ['app:1']), { code: 'USAGE', message: said }, place);
    await assert.rejects(removeNames(path('none'), ['app:1']), { code: 'NOT_FOUND' });
    await writeFile(path('layout/manifest.json'), '[]');
    await assert.rejects(remove(['app:1']), { message: /is a docker-archive too/ });
  });
});

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
