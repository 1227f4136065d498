import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { digestOf, encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { LadingError } from '../../../src/errors.js';
import { v1FoldersOf } from '../../../src/manifest/v1/folders.js';
import {
  createDockerArchiveStream,
  openDockerArchiveForWriting,
} from '../../../src/store/archive/docker-archive-writer.js';
import { openPath } from '../../../src/store/open.js';
import type { Source } from '../../../src/store/store.js';
import { openTar } from '../../../src/tar/read.js';
import type { CopyOptions } from '../../../src/transfer/copy.js';
import type { PlanOptions } from '../../../src/transfer/plan.js';
import { copyInto, disordered, documentIn, filesIn, storeOf } from '../../support/archives.js';
import { readImage } from '../../support/docker-archives.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeImage,
  makeIndex,
  makeLayerTar,
} from '../../support/images.js';
import { countingFetches, openerOf, overriding } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';

const A = 'docker.io/library/a:1';
const B = 'reg.test/b:1';

describe('a docker-archive that is written', () => {
  const path = useFolder();
  let imageA: MadeImage;
  let imageB: MadeImage;
  let source: Source;
  before(async () => {
    imageA = await makeImage({ seed: 'a', layers: [5000, 1_500_000, 70] });
    imageB = await makeImage({ seed: 'b', layers: [4000, 2_000_000], format: 'docker' });
    source = await storeOf({ [A]: imageA, [B]: imageB });
  });

  const write = async (
    name: string,
    from: Source,
    names: readonly string[],
    options: CopyOptions & PlanOptions = {},
  ): Promise<Buffer> => {
    await copyInto(await openDockerArchiveForWriting(path(name)), from, names, {
      index: 'single',
      ...options,
    });
    return readFile(path(name));
  };
  const plainPath = ({ bytes }: Content): string => `${encodedOf(digestOf(gunzipSync(bytes)))}.tar`;
  const configPath = ({ descriptor }: Content): string => `${encodedOf(descriptor.digest)}.json`;

  it('holds plain layers under their diffIDs, configs, and what belongs together', async () => {
    await write('out.tar', source, [A, B]);
    assert.deepEqual(await documentIn(path('out.tar'), 'manifest.json'), [
      { Config: configPath(imageA.config), RepoTags: ['a:1'], Layers: imageA.layers.map(plainPath) },
      { Config: configPath(imageB.config), RepoTags: ['reg.test/b:1'], Layers: imageB.layers.map(plainPath) },
    ]);
    const layers = [...imageA.layers, ...imageB.layers];
    const expected = [...layers.map(plainPath), configPath(imageA.config), configPath(imageB.config)];
    assert.deepEqual(await filesIn(path('out.tar')), [...expected, 'manifest.json'].sort());
    const view = await openTar(path('out.tar'));
    for (const layer of layers) {
      assert.ok((await view.read(plainPath(layer), 3_000_000)).equals(gunzipSync(layer.bytes)));
    }
    assert.ok((await view.read(configPath(imageA.config), 10_000)).equals(imageA.config.bytes));
    await view.close();
  });

  it('is the same bytes at any concurrency and in whatever order images are named', async () => {
    const one = await write('one.tar', source, [A, B], { concurrency: 1 });
    const eight = await write('eight.tar', disordered(source), [B, A], { concurrency: 8 });
    assert.ok(one.equals(eight));
  });

  it('is the same bytes from a stream', async () => {
    const stream = new PassThrough();
    const received = buffer(stream);
    await copyInto(await createDockerArchiveStream(stream), source, [A, B]);
    stream.end();
    assert.ok((await received).equals(await write('file.tar', source, [A, B])));
  });

  it('takes the image of one platform in the place of an index', async () => {
    const arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
    const from = await storeOf({ [A]: makeIndex([arm64, imageA]) });
    await write('amd64.tar', from, [A]);
    await write('arm64.tar', from, [A], { platforms: [arm64.platform] });
    for (const [file, { config }] of [
      ['amd64.tar', imageA],
      ['arm64.tar', arm64],
    ] as const) {
      const [item] = (await documentIn(path(file), 'manifest.json')) as { Config: string }[];
      assert.equal(item?.Config, configPath(config));
    }
  });

  it('stores two compressed forms of one layer once', async () => {
    const tar = await makeLayerTar('shared', 50_000);
    const images = [1, 9].map((level) =>
      imageOf(tar, contentOf(MEDIA_TYPE.ociLayerGzip, gzipSync(tar, { level }))),
    );
    const [first, second] = images;
    assert.ok(first && second);
    await write('out.tar', await storeOf({ [A]: first, [B]: second }), [A, B]);
    const layers = (await filesIn(path('out.tar'))).filter((name) => name.endsWith('.tar'));
    assert.deepEqual(layers, [`${encodedOf(digestOf(tar))}.tar`]);
  });

  it('takes a layer that is not compressed as it is', async () => {
    const tar = await makeLayerTar('plain', 5000);
    await write('out.tar', await storeOf({ [A]: imageOf(tar, contentOf(MEDIA_TYPE.ociLayerTar, tar)) }), [A]);
    assert.ok((await filesIn(path('out.tar'))).includes(`${encodedOf(digestOf(tar))}.tar`));
  });

  it('refuses an image whose config speaks of other layers', async () => {
    const [one, other] = [await makeLayerTar('one', 100), await makeLayerTar('other', 100)];
    const image = imageOf(one, contentOf(MEDIA_TYPE.ociLayerGzip, gzipSync(other)));
    await assert.rejects(write('out.tar', await storeOf({ [A]: image }), [A], { retries: 0 }), {
      code: 'DIGEST_MISMATCH',
      message: new RegExp(`diffID ${digestOf(other)}, its config says ${digestOf(one)}`),
    });
    assert.equal(existsSync(path('out.tar')), false);
  });

  it('refuses what has no place in it', async () => {
    const index = makeIndex([imageA]);
    const store = await openDockerArchiveForWriting(path('out.tar'));
    const { descriptor, bytes } = index.manifest;
    await assert.rejects(store.push(descriptor, openerOf(bytes)), { code: 'UNSUPPORTED', hint: /universal/ });
    await store.close();
    assert.equal(existsSync(path('out.tar')), false);
  });

  it('goes on in another run with the layers that were finished', async () => {
    const undisturbed = await write('undisturbed.tar', source, [A, B]);
    const [last] = [...imageA.layers, ...imageB.layers].sort((a, b) => a.descriptor.size - b.descriptor.size);
    assert.ok(last);
    const failing = overriding(source, {
      async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
        if (descriptor.digest === last.descriptor.digest) throw new LadingError('IO', 'the plug was pulled');
        return source.fetch(descriptor, options);
      },
    });
    await assert.rejects(write('out.tar', failing, [A, B]), { message: 'the plug was pulled' });
    assert.equal(existsSync(path('out.tar')), false);

    const counting = countingFetches(source);
    assert.ok((await write('out.tar', counting, [A, B])).equals(undisturbed));
    const layers = new Set([...imageA.layers, ...imageB.layers].map(({ descriptor }) => descriptor.digest));
    assert.deepEqual(
      counting.fetches.filter(({ digest }) => layers.has(digest)),
      [{ digest: last.descriptor.digest, start: 0 }],
    );
    assert.deepEqual((await readdir(path())).sort(), ['out.tar', 'undisturbed.tar']);
  });

  describe('for Docker before 1.10 too', () => {
    const writeLegacy = async (name: string, from: Source, names: readonly string[]): Promise<void> => {
      await copyInto(await openDockerArchiveForWriting(path(name), { legacy: true }), from, names);
    };
    const foldersOf = (image: MadeImage): string[] => v1FoldersOf(image.config.bytes).map(({ v1ID }) => v1ID);

    it('has a folder for each layer, which links to the layer, and names the top ones', async () => {
      await writeLegacy('out.tar', source, [A, B]);
      assert.deepEqual(await documentIn(path('out.tar'), 'repositories'), {
        a: { 1: foldersOf(imageA).at(-1) },
        'reg.test/b': { 1: foldersOf(imageB).at(-1) },
      });
      const view = await openTar(path('out.tar'));
      for (const [place, v1ID] of foldersOf(imageA).entries()) {
        const layer = gunzipSync(imageA.layers[place]?.bytes ?? '');
        assert.ok((await view.read(`${v1ID}/layer.tar`, 3_000_000)).equals(layer));
        assert.equal((await view.read(`${v1ID}/VERSION`, 10)).toString(), '1.0');
      }
      await view.close();
    });

    it('is an archive of that time without manifest.json and what belongs to it', async () => {
      await writeLegacy('out.tar', source, [A, B]);
      await mkdir(path('old'));
      spawnSync('tar', ['-xf', path('out.tar'), '-C', path('old')]);
      await rm(path('old/manifest.json'));
      await assert.rejects(openPath(path('old')), { code: 'INVALID_ARCHIVE' });
      // Without links: what they lead to is of later archives.
      spawnSync('sh', ['-c', 'cp -rL old plain && rm plain/*.json plain/*.tar'], { cwd: path() });
      const [old, whole] = [await openPath(path('plain')), await openPath(path('out.tar'))];
      for (const name of [A, B]) {
        const [before, after] = [await readImage(old, name), await readImage(whole, name)];
        assert.deepEqual(before.diffIDs, after.diffIDs);
        assert.deepEqual(before.manifest.layers, after.manifest.layers);
      }
      await old.close();
      await whole.close();
    });

    it('is the same bytes in whatever order images are named, and shares the folders of shared layers', async () => {
      await writeLegacy('one.tar', source, [A, B]);
      await writeLegacy('other.tar', source, [B, A]);
      assert.ok((await readFile(path('one.tar'))).equals(await readFile(path('other.tar'))));
      const names = await filesIn(path('one.tar'));
      assert.equal(new Set(names).size, names.length);
    });

    it('refuses an image without layers, which had no form then', async () => {
      const empty = await makeImage({ seed: 'empty', layers: [] });
      await assert.rejects(writeLegacy('out.tar', await storeOf({ [A]: empty }), [A]), {
        code: 'UNSUPPORTED',
        message: /no layers/,
      });
      assert.equal(existsSync(path('out.tar')), false);
    });
  });

  it('leaves out an image that failed, when the others are to be kept', async () => {
    const failing = overriding(source, {
      async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
        if (descriptor.digest === imageB.layers[1]?.descriptor.digest)
          throw new LadingError('NOT_FOUND', 'gone');
        return source.fetch(descriptor, options);
      },
    });
    await write('out.tar', failing, [A, B], { keepGoing: true });
    const items = (await documentIn(path('out.tar'), 'manifest.json')) as { RepoTags: string[] }[];
    assert.deepEqual(
      items.map(({ RepoTags }) => RepoTags),
      [['a:1']],
    );
  });
});

/** An image of one layer, whose config says that it is `tar`. */
function imageOf(tar: Buffer, layer: Content): { all: Content[]; manifest: Content } {
  const config = jsonContent(MEDIA_TYPE.ociConfig, {
    os: 'linux',
    architecture: 'amd64',
    author: layer.descriptor.digest,
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  });
  const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: config.descriptor,
    layers: [layer.descriptor],
  });
  return { all: [layer, config, manifest], manifest };
}
