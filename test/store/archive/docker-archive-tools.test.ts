import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { readContent } from '../../../src/store/read-content.js';
import { namesOf, readImage } from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { useArchives } from './opening.js';

const CONFIG_1 = 'sha256:6174ba95c82f952aa82adcf203ae730f21dccbdba87ea1e781fbd0ff86cc8ea2';
const CONFIG_2 = 'sha256:88137e00b8820b860a06a0de3b8ac26872f7964eedf84d7f9ce01f239f3fdd83';
const TWO_LAYERS = 'sha256:e050778c9180bda882a4a433e07d9875de9389365ffe9619fe6642c5a80186fa';

/** The archives of every tool: the config of each image, by its name. */
const READABLE: Record<string, Record<string, string>> = {
  'archives/docker20-single.tar': { 'docker.io/library/tiny:1': CONFIG_1 },
  'archives/docker20-multi.tar': {
    'docker.io/library/tiny:1': CONFIG_1,
    'docker.io/library/tiny:2': CONFIG_2,
  },
  'archives/podman-docker-archive.tar': { '127.0.0.1:5203/fx/tiny:1': CONFIG_1 },
  'archives/podman-multi.tar': { '127.0.0.1:5203/fx/tiny:1': CONFIG_1, '127.0.0.1:5203/fx/tiny:2': CONFIG_2 },
  'archives/skopeo-docker-archive.tar': { 'example.com/tiny:1': CONFIG_1 },
  'archives/crane-tarball.tar': { '127.0.0.1:5203/fx/tiny:1': CONFIG_1 },
  'archives/crane-legacy.tar': { '127.0.0.1:5203/fx/tiny:1': CONFIG_1 },
  'docker-archives/skopeo-docker-archive.tar': {
    'example.com/foo:v1': 'sha256:841f600e68cb7dd0be4e1382c303cc70c40b887adce12f4018c6b5c7e7fe49a6',
  },
  'docker-archives/docker110-one-layer.tar': {
    'docker.io/library/one:latest': 'sha256:ac09c656c95a2c5a3ed936f23e0aa13ecf1e5eee70fb9f651bcd8e8e6084da93',
  },
  'docker-archives/docker20-linked-layer.tar': {
    'docker.io/team/linked:base': 'sha256:27cf874b7523b272f7cf28f4811b29963f05b32a2ac7b0d9274c0560ba75f647',
    'docker.io/team/linked:top': 'sha256:b8e8f52ec01df86ff6746bfee5e2e88740c47c54697b967a8113b0d04042c47b',
  },
  'docker-archives/synthetic/ok-minimal.tar': { 'docker.io/t/s2:v1': TWO_LAYERS },
  'docker-archives/synthetic/dot-slash-names.tar': { 'docker.io/t/s2:v1': TWO_LAYERS },
};

describe('a docker-archive with manifest.json', () => {
  const { open } = useArchives();

  for (const [fixture, configs] of Object.entries(READABLE)) {
    it(`is read with every byte right: ${fixture}`, async () => {
      const store = await open(fixturePath(fixture));
      assert.deepEqual(await namesOf(store), Object.keys(configs).sort());
      for (const [name, config] of Object.entries(configs))
        assert.equal((await readImage(store, name)).config, config);
    });
  }

  it('holds the same image, config and layers in the forms of Docker, podman, skopeo and crane', async () => {
    const forms = ['docker20-single', 'podman-docker-archive', 'skopeo-docker-archive', 'crane-legacy'];
    const images = [];
    for (const form of forms) {
      const store = await open(fixturePath(`archives/${form}.tar`));
      images.push(await readImage(store, '@0'));
    }
    const compressed = await readImage(await open(fixturePath('archives/crane-tarball.tar')), '@0');
    assert.deepEqual(new Set(images.map(({ root }) => root.digest)).size, 1);
    assert.deepEqual(
      images[0]?.manifest.layers.map(({ digest }) => digest),
      images[0]?.diffIDs,
    );
    assert.equal(compressed.config, images[0]?.config);
    assert.deepEqual(compressed.diffIDs, images[0]?.diffIDs);
  });

  it('keeps the digest of what it makes, so that it can be pinned', async () => {
    const store = await open(fixturePath('archives/docker20-multi.tar'));
    const { root, manifest } = await readImage(store, 'tiny:2');
    assert.equal(root.digest, 'sha256:401ca0ce8af938fc75cdfe3caee68c99263f214883849ca638809f6d1d1eec0a');
    assert.equal(root.mediaType, MEDIA_TYPE.dockerManifest);
    assert.deepEqual(
      new Set(manifest.layers.map(({ mediaType }) => mediaType)),
      new Set([MEDIA_TYPE.dockerLayerTar]),
    );
    const bytes = await readContent(store, root);
    assert.match(
      bytes.toString(),
      /^\{"schemaVersion":2,"mediaType":"[^"]+","config":\{"mediaType":"[^"]+","size":\d+,"digest"/,
    );
  });

  it('finds an image by familiar and full name, by tag, by digest and by its place', async () => {
    const store = await open(fixturePath('archives/podman-multi.tar'));
    const { digest } = await store.resolve('127.0.0.1:5203/fx/tiny:2');
    for (const reference of ['2', digest, '@1'])
      assert.equal((await store.resolve(reference)).digest, digest);
    await assert.rejects(store.resolve('@2'), { code: 'NOT_FOUND', message: /it holds 2, counted from @0/ });
    await assert.rejects(store.resolve('tiny:3'), { code: 'NOT_FOUND' });
  });

  const PACKED = 'docker-archives/docker113-two-images.tar.xz';

  it('is read with the xz around it', async () => {
    const store = await open(fixturePath(PACKED));
    assert.deepEqual(await namesOf(store), [
      'registry.example/two/other:name',
      'registry.example/two:latest',
    ]);
    for (const name of await namesOf(store)) await readImage(store, name);
  });
});
