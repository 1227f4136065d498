import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Digest } from '../../src/content/digest.js';
import { prune } from '../../src/operations/prune/prune.js';
import { type RemoveNamesOptions, removeNames } from '../../src/operations/remove-names/remove-names.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayout, openLayoutForWriting } from '../../src/store/layout/layout.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import { type MadeImage, makeImage, makeIndex, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { type Filled, fill, namesIn, namesOf } from './removable.js';

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
