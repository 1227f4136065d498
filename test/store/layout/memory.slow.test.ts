import assert from 'node:assert/strict';
import { LiveLayout } from '../../../src/store/layout/live-layout.js';
import { makeLayout } from '../../../src/store/layout/make-layout.js';
import { LayoutContent } from '../../../src/store/layout/pushed-content.js';
import { LayoutRepository } from '../../../src/store/layout/writable-repository.js';
import { type Content, jsonContent, type MadeImage, makeImage } from '../../support/images.js';
import { chunksOf, pushTo } from '../../support/pushing.js';
import { useFolder } from '../../support/temporary.js';

/** 2000 pushes in all: those that wait for the lock together are written as one. */
const ROUNDS = 20;
const AT_ONCE = 100;

describe('what a layout that takes pushes remembers', () => {
  const path = useFolder();
  let content: LayoutContent;
  let image: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 1 });
  });
  beforeEach(async () => {
    await makeLayout(path('layout'));
    content = new LayoutContent(await LiveLayout.openDirectory(path('layout')));
  });
  afterEach(() => content.layout.close());

  const repositoryOf = (name: string): LayoutRepository => new LayoutRepository(name, content);
  /** The same image, under another digest. */
  const variant = (version: string): Content =>
    jsonContent(image.manifest.descriptor.mediaType, {
      ...JSON.parse(image.manifest.bytes.toString()),
      annotations: { version },
    });
  const put = async (
    repository: LayoutRepository,
    { descriptor, bytes }: Content,
    tag: string,
  ): Promise<void> => repository.putManifest(descriptor, bytes, { tags: [tag] });
  const times = <T>(work: (each: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: AT_ONCE }, (_, each) => work(each)));

  it('does not grow with thousands of pushes of one image, whose tag is another each time', async () => {
    const repository = repositoryOf('a');
    await pushTo(repository, image.all.slice(0, -1));
    for (let round = 0; round < ROUNDS; round++) {
      await times((each) => put(repository, image.manifest, `v${round}-${each}`));
      await times((each) => repository.deleteTag(`v${round}-${each}`));
      assert.deepEqual(content.remembered, { manifests: 1, uploads: 0 });
    }
    await content.layout.refresh();
    assert.equal(content.layout.indexEntries.length, 1);
  });

  it('does not grow with images that come and are deleted, by another repository too', async () => {
    const [a, b] = [repositoryOf('a'), repositoryOf('b')];
    await pushTo(a, image.all);
    for (let round = 0; round < 20; round++) {
      const made = variant(`${round}`);
      for (const repository of [a, b]) await put(repository, made, 'latest');
      await a.deleteManifest(made.descriptor.digest);
      assert.deepEqual(content.remembered, { manifests: 2, uploads: 0 });
      await b.deleteManifest(made.descriptor.digest);
    }
    await put(a, image.manifest, '1');
    assert.deepEqual(content.remembered, { manifests: 1, uploads: 0 });
  });

  it('does not grow with uploads that are given up, wrong or swept away', async () => {
    const repository = repositoryOf('a');
    const { descriptor, bytes } = image.config;
    for (let round = 0; round < 20; round++) {
      await (await repository.createUpload()).cancel();
      const wrong = await repository.createUpload();
      await assert.rejects(wrong.commit(descriptor.digest), { code: 'DIGEST_MISMATCH' });
      const swept = await repository.createUpload();
      await new LayoutContent(content.layout).uploads.sweep(-1000); // of this very moment too
      await assert.rejects(swept.append(chunksOf(bytes)), { code: 'NOT_FOUND' });
      assert.equal(content.remembered.uploads, 0);
    }
  });
});
