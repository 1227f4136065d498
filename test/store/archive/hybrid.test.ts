import assert from 'node:assert/strict';
import { ANNOTATION } from '../../../src/content/annotations.js';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { FileView } from '../../../src/disk/files.js';
import { type OpeningNotes, openImageFiles } from '../../../src/store/archive/open-files.js';
import type { ImageFiles } from '../../../src/store/image-files.js';
import { openPath } from '../../../src/store/open.js';
import { openTar } from '../../../src/tar/read.js';
import {
  configFor,
  type Files,
  namesOf,
  plainLayer,
  readImage,
  writeTar,
} from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { type Content, contentOf, type MadeImage, makeImage, makeIndex } from '../../support/images.js';
import { overriding } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';

const NAME = 'docker.io/library/app:1';

describe('an archive that is a layout and a docker-archive at once', () => {
  const path = useFolder();
  const opened: ImageFiles[] = [];
  let amd64: MadeImage;
  let arm64: MadeImage;
  before(async () => {
    amd64 = await makeImage({ seed: 'amd64' });
    arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  async function open(location: string): Promise<ImageFiles> {
    const store = await openPath(location);
    opened.push(store);
    return store;
  }

  async function openHybrid(
    contents: readonly Content[],
    { entries, items, more }: { entries: Descriptor[] | null; items: unknown; more?: Files },
  ): Promise<ImageFiles> {
    const blobs = contents.map(({ descriptor, bytes }) => [pathOf(descriptor), bytes]);
    return open(
      await writeTar(path('hybrid.tar'), {
        ...Object.fromEntries(blobs),
        ...more,
        'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
        'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }),
        'manifest.json': JSON.stringify(items),
      }),
    );
  }

  it('is read by its index where that is whole and agrees with manifest.json', async () => {
    const index = makeIndex([amd64, arm64]);
    const store = await openHybrid(index.all, {
      entries: [named(index.manifest.descriptor, NAME)],
      items: [itemOf(amd64, 'app:1')],
    });
    assert.deepEqual(await namesOf(store), [NAME]);
    assert.equal((await store.resolve('app:1')).digest, index.manifest.descriptor.digest);
  });

  it('is opened without a look at its layers where both halves name the same blobs', async () => {
    await openHybrid(amd64.all, {
      entries: [named(amd64.manifest.descriptor, NAME)],
      items: [itemOf(amd64, 'app:1')],
    });
    const { store, read } = await openWatched();
    assert.deepEqual(await namesOf(store), [NAME]);
    for await (const _ of store.referrers(amd64.manifest.descriptor)) assert.fail('nothing is attached');
    assert.deepEqual(read, [
      'manifest.json',
      'oci-layout',
      'index.json',
      pathOf(amd64.manifest.descriptor), // once
    ]);
  });

  it('is opened without a look at its manifests where an earlier opening found both halves to agree', async () => {
    const entries = [named(amd64.manifest.descriptor, NAME)];
    await openHybrid(amd64.all, { entries, items: [itemOf(amd64, 'app:1')] });
    const notes: OpeningNotes = {};
    const { store: first } = await openWatched(notes);
    const { store, read } = await openWatched(notes);
    store.noteUnattached(first.unattached);
    assert.deepEqual(await namesOf(store), [NAME]);
    for await (const _ of store.referrers(amd64.manifest.descriptor)) assert.fail('nothing is attached');
    assert.deepEqual(read, ['manifest.json', 'oci-layout', 'index.json']);

    await openHybrid(amd64.all, { entries, items: [itemOf(amd64, 'app:1'), itemOf(amd64, 'app:2')] });
    const { store: other } = await openWatched(notes);
    assert.deepEqual(await namesOf(other), [NAME, 'docker.io/library/app:2']);
  });

  /** Opens what was written last, with a list of the files that are read. */
  async function openWatched(notes?: OpeningNotes): Promise<{ store: ImageFiles; read: string[] }> {
    const read: string[] = [];
    const tar = await openTar(path('hybrid.tar'));
    const watched = overriding(tar, {
      open(...[name, options]: Parameters<FileView['open']>) {
        read.push(name);
        return tar.open(name, options);
      },
      read(...[name, maxBytes]: Parameters<FileView['read']>) {
        read.push(name);
        return tar.read(name, maxBytes);
      },
    });
    const store = await openImageFiles(watched, { code: 'INVALID_ARCHIVE', notes });
    opened.push(store);
    return { store, read };
  }

  it('gives the image that is there of an index that lacks platforms, under its own digest', async () => {
    const index = makeIndex([arm64, amd64]);
    const store = await openHybrid([...amd64.all, index.manifest], {
      entries: [named(index.manifest.descriptor, NAME)],
      items: [itemOf(amd64, 'app:1')],
    });
    assert.deepEqual(await namesOf(store), [NAME]);
    assert.equal((await readImage(store, 'app:1')).root.digest, amd64.manifest.descriptor.digest);
  });

  it('leaves an index as it is when it says what it lacks, as lading writes it', async () => {
    const index = makeIndex([arm64, amd64]);
    const entry = named(index.manifest.descriptor, NAME);
    const absent = { ...entry.annotations, [ANNOTATION.absent]: arm64.manifest.descriptor.digest };
    const store = await openHybrid([...amd64.all, index.manifest], {
      entries: [{ ...entry, annotations: absent }],
      items: [itemOf(amd64, 'app:1')],
    });
    assert.equal((await store.resolve('app:1')).digest, index.manifest.descriptor.digest);
  });

  it('keeps an entry of which a layer is lost, so that the loss is told', async () => {
    const [lost, ...others] = amd64.all;
    assert.ok(lost);
    const store = await openHybrid(others, {
      entries: [named(amd64.manifest.descriptor, NAME)],
      items: [itemOf(amd64, 'app:1')],
    });
    await assert.rejects(readImage(store, 'app:1'), {
      code: 'NOT_FOUND',
      message: new RegExp(lost.descriptor.digest),
    });
  });

  it('takes the order of layers from manifest.json where the index has another (Docker 25.0.0)', async () => {
    const layers = [plainLayer('one'), plainLayer('two')];
    const config = contentOf(MEDIA_TYPE.ociConfig, configFor(...layers));
    const [one, two] = layers.map((layer) => contentOf(MEDIA_TYPE.ociLayerTar, layer));
    assert.ok(one && two);
    const manifest = contentOf(MEDIA_TYPE.ociManifest, manifestOf(config, [two, one]));
    const store = await openHybrid([config, one, two, manifest], {
      entries: [named(manifest.descriptor, NAME)],
      items: [itemOf({ config, layers: [one, two] }, 'app:1')],
    });
    const image = await readImage(store, 'app:1');
    assert.deepEqual(await namesOf(store), [NAME]);
    assert.deepEqual(
      image.manifest.layers.map(({ digest }) => digest),
      image.diffIDs,
    );
  });

  it('takes the sizes of layers from the files where the index has others (candidates of Docker 25.0)', async () => {
    const layer = contentOf(MEDIA_TYPE.ociLayerTar, plainLayer('one'));
    const config = contentOf(MEDIA_TYPE.ociConfig, configFor(layer.bytes));
    const wrong = { ...layer, descriptor: { ...layer.descriptor, size: 7 } };
    const manifest = contentOf(MEDIA_TYPE.ociManifest, manifestOf(config, [wrong]));
    const store = await openHybrid([config, layer, manifest], {
      entries: [named(manifest.descriptor, NAME)],
      items: [itemOf({ config, layers: [layer] }, 'app:1')],
    });
    assert.equal((await readImage(store, 'app:1')).manifest.layers[0]?.size, layer.bytes.byteLength);
  });

  it('adds the images and the names that only manifest.json has', async () => {
    const store = await openHybrid([...amd64.all, ...arm64.all], {
      entries: [amd64.manifest.descriptor],
      items: [itemOf(amd64, 'app:1', 'example.com/app:2'), itemOf(arm64)],
    });
    const [nameless, ...names] = (await namesOf(store)).reverse();
    assert.deepEqual(names.reverse(), [NAME, 'example.com/app:2']);
    assert.equal((await store.resolve('app:1')).digest, amd64.manifest.descriptor.digest);
    assert.equal((await readImage(store, nameless ?? '')).config, arm64.config.descriptor.digest);
  });

  it('is a layout all the same when manifest.json is something else', async () => {
    for (const items of [{ not: 'a list' }, [{ Config: 'gone', Layers: [] }], null]) {
      const store = await openHybrid(amd64.all, { entries: [named(amd64.manifest.descriptor, NAME)], items });
      assert.equal((await readImage(store, 'app:1')).root.digest, amd64.manifest.descriptor.digest);
    }
  });

  it('is refused when neither half has an image', async () => {
    await assert.rejects(openHybrid([], { entries: null, items: null }), { code: 'INVALID_ARCHIVE' });
  });

  it('is read as Docker 25.0.0 saved it by digest: docker25-by-digest.tar', async () => {
    const store = await open(fixturePath('docker-archives/docker25-by-digest.tar'));
    const config = 'sha256:21cfe5f4dc99ea9e1e1b845311f3144c9f852c53c5f51f833aa462393e64aaef';
    assert.equal((await readImage(store, '@0')).config, config);
    assert.equal((await namesOf(store)).length, 1);
  });

  it('is read as buildkit wrote it, without layers: buildkit-docker.tar', async () => {
    const store = await open(fixturePath('docker-archives/buildkit-docker.tar'));
    const config = 'sha256:dfe02e2b794c97affd6537a43bab0f1d25a49a5c89869cbbc74dcc51f04ffae1';
    assert.equal((await readImage(store, 'registry.example/built:docker')).config, config);
  });

  it('is read as a directory that Docker 25 wrote: docker25-graphdriver', async () => {
    const store = await open(fixturePath('docker-archives/docker25-graphdriver'));
    const { config, manifest, diffIDs } = await readImage(store, 'app:linux');
    assert.match(config, /^sha256:25578f46/);
    assert.deepEqual(
      manifest.layers.map(({ digest }) => digest),
      diffIDs,
    );
    assert.equal(manifest.format, 'oci-manifest');
  });
});

function pathOf({ digest }: Descriptor): string {
  return `blobs/sha256/${encodedOf(digest)}`;
}

function named(descriptor: Descriptor, name: string): Descriptor {
  return { ...descriptor, annotations: { [ANNOTATION.containerdName]: name, [ANNOTATION.refName]: '1' } };
}

function itemOf({ config, layers }: Pick<MadeImage, 'config' | 'layers'>, ...tags: string[]): unknown {
  return {
    Config: pathOf(config.descriptor),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: layers.map(({ descriptor }) => pathOf(descriptor)),
  };
}

function manifestOf(config: Content, layers: Content[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
    }),
  );
}
