import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { ANNOTATION } from '../../../src/content/annotations.js';
import type { Digest } from '../../../src/content/digest.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayout, openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { nameAnnotations } from '../../../src/store/layout/layout-index.js';
import { openServedLayout, type ServedLayout } from '../../../src/store/layout/served.js';
import { has } from '../../../src/store/store.js';
import {
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { pushTagged, pushTo, tagsIn } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

describe('repositories of a layout that takes pushes', () => {
  const path = useFolder();
  let served: ServedLayout;
  let first: MadeImage;
  let second: MadeImage;
  let index: MadeIndex;
  before(async () => {
    [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
    index = makeIndex([first, second]);
  });
  beforeEach(async () => {
    served = await openServedLayout(path('layout'));
  });
  afterEach(() => served.close());

  const restart = async (): Promise<void> => {
    await served.close();
    served = await openServedLayout(path('layout'));
  };
  const push = async (name: string, { all }: MadeImage | MadeIndex, ...tags: string[]): Promise<void> =>
    pushTagged(await served.openForPush(name), all, ...tags);
  const remove = async (name: string, digest: Digest): Promise<void> =>
    (await served.openForPush(name)).deleteManifest(digest);
  const removeBlobs = async (name: string, { layers, config }: MadeImage): Promise<void> => {
    for (const { descriptor } of [...layers, config])
      await (await served.openForPush(name)).deleteBlob(descriptor.digest);
  };
  const digestOf = ({ manifest }: MadeImage | MadeIndex): Digest => manifest.descriptor.digest;
  /** `digest repositories`, of the entries that note some. */
  const notes = async (): Promise<string[]> => {
    const { indexEntries } = await openLayout(path('layout'));
    return indexEntries.flatMap(({ digest, annotations }) => {
      const noted = annotations?.[ANNOTATION.repositories];
      return noted === undefined ? [] : [`${digest} ${noted}`];
    });
  };
  const requireAfterRestart = async (...expected: string[]): Promise<void> => {
    await restart();
    assert.deepEqual((await served.listRepositories()).sort(), expected);
    assert.deepEqual((await verify(path('layout'))).findings, []);
  };

  describe('whose names differ by their host alone', () => {
    const names = ['localhost/library/a:1', 'docker.io/library/a:1'];

    for (const order of [names, names.toReversed()]) {
      it(`have what was pushed last under their tag, after a restart too (${order[0]} is first)`, async () => {
        const layout = await openLayoutForWriting(path('layout'));
        await pushAll(layout, index.all);
        await layout.close();
        const manifests = [first, second].map(({ manifest }, place) => ({
          ...manifest.descriptor,
          annotations: nameAnnotations(order[place] ?? ''),
        }));
        await writeFile(path('layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
        const third = await makeImage({ seed: 3 });
        await push('library/a', third, '1');
        await restart();
        const repository = await served.openRepository('library/a');
        assert.equal((await repository?.resolve('1'))?.digest, digestOf(third));
        for (const image of [first, second]) await repository?.resolve(digestOf(image));

        await repository?.deleteManifest(digestOf(third));
        await assert.rejects(async () => repository?.resolve('1'), { code: 'NOT_FOUND' });
        await requireAfterRestart('library/a');
      });
    }
  });

  describe('that have only digests', () => {
    it('are there after a restart, until the manifest and its blobs are deleted', async () => {
      await push('a', first);
      await push('b', second);
      await requireAfterRestart('a', 'b');
      assert.deepEqual(await tagsIn(await served.openRepository('a')), []);
      await remove('a', digestOf(first));
      await requireAfterRestart('a', 'b');
      await removeBlobs('a', first);
      await requireAfterRestart('b');
    });

    it('are noted at the manifest that others have too, with and without a tag', async () => {
      for (const name of ['b', 'a', 'c', 'a']) await push(name, first);
      assert.deepEqual(await notes(), [`${digestOf(first)} a,b,c`]);
      await push('c', first, '1');
      assert.deepEqual(
        await notes(),
        [`${digestOf(first)} a,b`],
        'the tag says so of c, pushed before or after',
      );
      await requireAfterRestart('a', 'b', 'c');
      await (await served.openForPush('c')).deleteTag('1');
      assert.deepEqual(await notes(), [`${digestOf(first)} a,b,c`]);
      await push('c', first, '1');
      await remove('c', digestOf(first));
      assert.deepEqual(await notes(), [`${digestOf(first)} a,b`]);
      await remove('a', digestOf(first));
      await removeBlobs('a', first);
      await removeBlobs('c', first);
      await requireAfterRestart('b');
      assert.equal((await (await served.openForPush('b')).resolve(digestOf(first))).digest, digestOf(first));
    });

    it('are those too that lost their tag, or whose manifest got a tag elsewhere by a save', async () => {
      await push('a', first, '1');
      await push('b', first, '1');
      await (await served.openForPush('a')).deleteTag('1');
      assert.deepEqual(await notes(), [`${digestOf(first)} a`]);
      await push('c', second);
      const layout = await openLayoutForWriting(path('layout'));
      await layout.tag(second.manifest.descriptor, 'reg.test/d:1');
      await layout.commit();
      await layout.close();
      await push('b', second, '1');
      await requireAfterRestart('a', 'b', 'c', 'd');
    });

    it('are those too that have only the child of an index, or what is attached to a manifest', async () => {
      await push('a', index, '1');
      await push('b', first);
      await push('b', second);
      const note = makeReferrer(first.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
      await pushTo(await served.openForPush('notes'), note.all);
      await requireAfterRestart('a', 'b', 'notes');
      await remove('a', digestOf(index));
      await requireAfterRestart('a', 'b', 'notes');
      assert.deepEqual(
        (await notes()).sort(),
        [
          `${digestOf(first)} a,b`,
          `${digestOf(second)} a,b`,
          `${note.manifest.descriptor.digest} notes`,
        ].sort(),
      );
    });

    it('are not noted at all where an index of the same repository leads to what they have', async () => {
      await push('a', index, '1');
      assert.deepEqual(await notes(), []);
      await push('b', first);
      await push('b', index, '1');
      assert.deepEqual(await notes(), []);
    });

    it('keep what another repository only had inside an index, when it is deleted there', async () => {
      await push('a', index, '1');
      await push('b', second, '1');
      await push('b', first);
      await remove('a', digestOf(first));
      await remove('a', digestOf(index));
      const kept = await (await served.openForPush('b')).resolve(digestOf(first));
      assert.ok(await has(await served.openForPush('b'), kept));

      await push('c', index, '1');
      await push('d', index, '1');
      await remove('c', digestOf(index));
      await remove('d', digestOf(second));
      await remove('d', digestOf(index));
      await remove('b', digestOf(second));
      assert.ok(await has(await served.openForPush('c'), second.manifest.descriptor), 'c never deleted it');
      await requireAfterRestart('a', 'b', 'c', 'd');
    });

    it('stay noted when a save gives the name of their manifest to another', async () => {
      await push('a', first, '1');
      await push('b', first);
      const layout = await openLayoutForWriting(path('layout'));
      await pushAll(layout, second.all);
      await layout.tag(second.manifest.descriptor, 'localhost/a:1');
      await layout.commit();
      await layout.tag(second.manifest.descriptor, 'localhost/a:1');
      await layout.commit();
      await layout.close();
      assert.deepEqual(await notes(), [`${digestOf(first)} b`]);
      await requireAfterRestart('a', 'b');
    });

    it('are not pushed to with a manifest that needs what was there when it was looked for', async () => {
      const repository = await served.openForPush('a');
      await pushTo(repository, first.all.slice(0, -1));
      const [layer] = first.layers;
      assert.ok(layer);
      await repository.deleteBlob(layer.descriptor.digest);
      const { descriptor, bytes } = first.manifest;
      const held = [layer.descriptor.digest];
      await assert.rejects(repository.putManifest(descriptor, bytes, { held }), { code: 'MISSING_CONTENT' });
    });

    it('are taken from a file that anybody may have written', async () => {
      await push('a', first);
      const { digest, mediaType, size } = first.manifest.descriptor;
      const annotations = { [ANNOTATION.repositories]: '../x,,B,__proto__,b/c' };
      const manifests = [{ digest, mediaType, size, annotations }];
      await writeFile(path('layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
      await requireAfterRestart('a', 'b/c');
      await removeBlobs('a', first);
      await requireAfterRestart('b/c');
    });
  });
});
