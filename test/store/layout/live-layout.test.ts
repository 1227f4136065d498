import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
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

  it('is refused where there is no layout', async () => {
    await assert.rejects(LiveLayout.openDirectory(path('nothing')), { code: 'NOT_FOUND' });
    await writeFile(path('index.json'), '[]');
    await assert.rejects(LiveLayout.openDirectory(path()), { code: 'INVALID_LAYOUT' });
  });
});
