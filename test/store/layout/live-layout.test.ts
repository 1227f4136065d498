import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mock } from 'node:test';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { blobPath } from '../../../src/store/layout/layout-reader.js';
import { LiveLayout } from '../../../src/store/layout/live-layout.js';
import type { Referrer } from '../../../src/store/store.js';
import { type MadeImage, makeImage, makeReferrer, pushAll } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';

describe('a layout that others write while it is read', () => {
  const path = useFolder();
  let image: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 1 });
  });

  const saveInto = async (made: MadeImage, name: string): Promise<void> => {
    const layout = await openLayoutForWriting(path('layout'));
    await pushAll(layout, made.all);
    await layout.tag(made.manifest.descriptor, name);
    await layout.commit();
    await layout.close();
  };
  const tagsOf = async (layout: LiveLayout): Promise<Record<string, string[]>> =>
    Object.fromEntries([...(await layout.tags())].map(([name, tags]) => [name, [...tags.keys()]]));

  it('shows what a save adds, and attachments too', async () => {
    await saveInto(image, 'reg.test/a:1');
    const layout = await LiveLayout.openDirectory(path('layout'));
    assert.deepEqual(await tagsOf(layout), { a: ['1'] });
    assert.equal(await layout.tags(), await layout.tags());
    await saveInto(await makeImage({ seed: 2 }), 'reg.test/b:1');
    await saveInto(
      makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' }),
      'reg.test/a:note',
    );
    assert.deepEqual(await tagsOf(layout), { a: ['1', 'note'], b: ['1'] });
    const referrers: Referrer[] = [];
    for await (const referrer of layout.referrers(image.manifest.descriptor)) referrers.push(referrer);
    assert.equal(referrers[0]?.descriptor.artifactType, 'text/x-note');
  });

  it('keeps what it knew while an index is half written', async () => {
    await saveInto(image, 'reg.test/a:1');
    const layout = await LiveLayout.openDirectory(path('layout'));
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,"manif');
    assert.deepEqual(await tagsOf(layout), { a: ['1'] });
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,"manifests":[]}');
    assert.deepEqual(await tagsOf(layout), {});
  });

  describe('whose manifest somebody takes away', () => {
    const { now } = performance;
    let passed = 0;
    beforeEach(() => {
      passed = 0;
      mock.method(performance, 'now', () => now.call(performance) + passed);
    });
    afterEach(() => mock.restoreAll());

    const opened = async (): Promise<LiveLayout> => {
      await saveInto(image, 'reg.test/a:1');
      await saveInto(await makeImage({ seed: 2 }), 'reg.test/b:1');
      const layout = await LiveLayout.openDirectory(path('layout'));
      assert.equal(await layout.sizeOf(image.manifest.descriptor), image.manifest.bytes.length);
      assert.equal(
        (await layout.resolve(image.manifest.descriptor.digest)).size,
        image.manifest.bytes.length,
      );
      await rm(join(path('layout'), blobPath(image.manifest.descriptor.digest)));
      return layout;
    };

    it('misses it a second later, and at once where it is asked for what is there at the moment', async () => {
      const layout = await opened();
      const { digest } = image.manifest.descriptor;
      assert.equal(await layout.sizeOf({ digest }), undefined);
      await assert.rejects(layout.fetch(image.manifest.descriptor), { code: 'NOT_FOUND' });
      passed = 1000;
      assert.equal(await layout.sizeOf(image.manifest.descriptor), undefined);
      await saveInto(image, 'reg.test/a:1');
      assert.equal(await layout.sizeOf(image.manifest.descriptor), image.manifest.bytes.length);
    });

    it('misses it at once when the index is written', async () => {
      const layout = await opened();
      await saveInto(await makeImage({ seed: 3 }), 'reg.test/c:1');
      await layout.refresh();
      assert.equal(await layout.sizeOf(image.manifest.descriptor), undefined);
    });

    it('knows of nothing that it needs', async () => {
      const layout = await opened();
      assert.deepEqual((await layout.graph.linksOf(image.manifest.descriptor)).blobs, []);
    });
  });

  it('is refused where there is no layout', async () => {
    await assert.rejects(LiveLayout.openDirectory(path('nothing')), { code: 'NOT_FOUND' });
    await writeFile(path('index.json'), '[]');
    await assert.rejects(LiveLayout.openDirectory(path()), { code: 'INVALID_LAYOUT' });
  });
});
