import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { encodedOf } from '../../../src/content/digest.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import { type Files, namesOf, readImage, writeTar } from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { type MadeImage, makeImage, makeIndex } from '../../support/images.js';
import { useArchives } from './opening.js';

const VERSION = 'Directory Transport Version: 1.1\n';

describe('what skopeo writes as dir:', () => {
  const { path, open } = useArchives();
  let image: MadeImage;
  before(async () => {
    image = await makeImage({ seed: 'dir' });
  });

  it('holds an image in each folder of a tar, by the name of the folder', async () => {
    const store = await open(fixturePath('archives/skopeo-dir-multi.tar'));
    const docker = await open(fixturePath('archives/docker20-multi.tar'));
    assert.deepEqual(await namesOf(store), ['tiny:1', 'tiny:2']);
    for (const name of ['tiny:1', 'tiny:2']) {
      const [here, there] = [await readImage(store, name), await readImage(docker, name)];
      assert.equal(here.config, there.config);
      assert.deepEqual(here.diffIDs, there.diffIDs);
    }
  });

  it('keeps the manifest as it was pushed', async () => {
    const store = await open(fixturePath('archives/skopeo-dir-multi.tar'));
    const registry = await open(fixturePath('archives/ctr-export-multi.tar'));
    assert.equal(
      (await store.resolve('tiny:2')).digest,
      (await registry.resolve('127.0.0.1:5203/fx/tiny:2')).digest,
    );
  });

  it('is read as a directory, alone and among others', async () => {
    for (const directory of ['one', 'several/app:1']) {
      await mkdir(path(directory), { recursive: true });
      for (const [name, bytes] of Object.entries(folderOf(image)))
        await writeFile(path(`${directory}/${name}`), bytes);
    }
    const digest = image.manifest.descriptor.digest;
    assert.deepEqual(await namesOf(await open(path('one'))), [digest]);
    const several = await open(path('several'));
    assert.deepEqual(await namesOf(several), ['app:1']);
    assert.equal((await readImage(several, 'docker.io/library/app:1')).root.digest, digest);
  });

  it('holds the children of an index beside it', async () => {
    const index = makeIndex([image]);
    const store = await open(
      await writeTar(path('index.tar'), {
        ...folderOf(image),
        [`${encodedOf(image.manifest.descriptor.digest)}.manifest.json`]: image.manifest.bytes,
        'manifest.json': index.manifest.bytes,
      }),
    );
    const root = await store.resolve('@0');
    assert.equal(root.digest, index.manifest.descriptor.digest);
    assert.deepEqual(await readContent(store, root), index.manifest.bytes);
    await readImage(store, image.manifest.descriptor.digest);
  });

  it('is refused when its manifest is none', async () => {
    const files = { ...folderOf(image), 'manifest.json': '{"schemaVersion":2}' };
    const archive = await writeTar(path('bad.tar'), files);
    await assert.rejects(openPath(archive), { code: 'INVALID_MANIFEST' });
  });

  it('is told from a folder of anything', async () => {
    await mkdir(path('anything/folder'), { recursive: true });
    await writeFile(path('anything/folder/manifest.json'), '{}');
    await assert.rejects(openPath(path('anything')), { code: 'INVALID_LAYOUT', message: /holds no images/ });
    const archive = await writeTar(path('anything.tar'), { 'folder/manifest.json': '{}' });
    await assert.rejects(openPath(archive), { code: 'INVALID_ARCHIVE', message: /holds no images/ });
  });

  it('is told of the simple signatures that are left out of it', async () => {
    await mkdir(path('signed'));
    for (const { descriptor, bytes } of [...image.layers, image.config])
      await writeFile(path(`signed/${encodedOf(descriptor.digest)}`), bytes);
    await writeFile(path('signed/manifest.json'), image.manifest.bytes);
    await writeFile(path('signed/version'), VERSION);
    await writeFile(path('signed/signature-1'), 'signed');
    const store = await openPath(path('signed'));
    assert.deepEqual(store.warnings, [
      'signature-1 is a simple signature, which has no place outside of dir: and is left out',
    ]);
    await store.close();
  });
});

function folderOf({ manifest, config, layers }: MadeImage): Files {
  const blobs = [config, ...layers].map(({ descriptor, bytes }) => [encodedOf(descriptor.digest), bytes]);
  return { version: VERSION, 'manifest.json': manifest.bytes, ...Object.fromEntries(blobs) };
}
