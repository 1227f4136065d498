import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { digestOf, encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { ImageFiles } from '../../../src/store/image-files.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import {
  configFor,
  configOfDiffIDs,
  dockerArchive,
  namesOf,
  plainLayer,
  readImage,
} from '../../support/docker-archives.js';
import { fixturePath } from '../../support/fixtures.js';
import { useFolder } from '../../support/temporary.js';

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
  'docker-archives/almostempty.tar': {
    'docker.io/library/emptyimage:latest':
      'sha256:9d7f147c0d0c4d4538a04c7ef385809e56eb1aac7bf800fbe976612188025b68',
  },
  'docker-archives/test_link.tar': {
    'docker.io/bazel/v1/tarball:test_image_1':
      'sha256:6e0b05049ed9c17d02e1a55e80d6599dbfcce7f4f4b022e3c673e685789c470e',
    'docker.io/bazel/v1/tarball:test_image_3':
      'sha256:d4c9adacde69c3d92446e0484cea29493e9fd573cf0c8febfc700d80c46697a4',
  },
  'docker-archives/synthetic/ok-minimal.tar': { 'docker.io/t/s2:v1': TWO_LAYERS },
  'docker-archives/synthetic/dot-slash-names.tar': { 'docker.io/t/s2:v1': TWO_LAYERS },
};

/** Archives that are refused on opening. */
const REFUSED: Record<string, { code: string; message: RegExp }> = {
  'docker-archives/null_manifest.tar': { code: 'INVALID_ARCHIVE', message: /manifest\.json.*null/ },
  'docker-archives/synthetic/bad-layer-count.tar': {
    code: 'INVALID_ARCHIVE',
    message: /t\/s2:v1 has 1 layers, but its config 2/,
  },
  'docker-archives/synthetic/bad-missing-layer.tar': { code: 'MISSING_CONTENT', message: /l2\.tar/ },
  'docker-archives/synthetic/evil-symlink-absolute.tar': {
    code: 'INVALID_ARCHIVE',
    message: /l1\.tar, which is a link that leads out of the archive/,
  },
};

describe('a docker-archive with manifest.json', () => {
  const path = useFolder();
  const opened: ImageFiles[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  async function open(location: string): Promise<ImageFiles> {
    const store = await openPath(location);
    opened.push(store);
    return store;
  }

  async function openBytes(bytes: Buffer): Promise<ImageFiles> {
    await writeFile(path('archive.tar'), bytes);
    return open(path('archive.tar'));
  }

  for (const [fixture, configs] of Object.entries(READABLE)) {
    it(`is read with every byte right: ${fixture}`, async function () {
      const store = await open(fixturePath(this, fixture));
      assert.deepEqual(await namesOf(store), Object.keys(configs).sort());
      for (const [name, config] of Object.entries(configs))
        assert.equal((await readImage(store, name)).config, config);
    });
  }

  for (const [fixture, expected] of Object.entries(REFUSED)) {
    it(`is refused: ${fixture}`, async function () {
      await assert.rejects(openPath(fixturePath(this, fixture)), expected);
    });
  }

  it('gives a layer that is another than the config says away when its bytes are read', async function () {
    const store = await open(fixturePath(this, 'docker-archives/synthetic/bad-diffid.tar'));
    await assert.rejects(readImage(store, 't/s2:v1'), { code: 'DIGEST_MISMATCH' });
  });

  it('holds the same image, config and layers in the forms of Docker, podman, skopeo and crane', async function () {
    const forms = ['docker20-single', 'podman-docker-archive', 'skopeo-docker-archive', 'crane-legacy'];
    const images = [];
    for (const form of forms) {
      const store = await open(fixturePath(this, `archives/${form}.tar`));
      images.push(await readImage(store, '@0'));
    }
    const compressed = await readImage(await open(fixturePath(this, 'archives/crane-tarball.tar')), '@0');
    assert.deepEqual(new Set(images.map(({ root }) => root.digest)).size, 1);
    assert.deepEqual(
      images[0]?.manifest.layers.map(({ digest }) => digest),
      images[0]?.diffIDs,
    );
    assert.equal(compressed.config, images[0]?.config);
    assert.deepEqual(compressed.diffIDs, images[0]?.diffIDs);
  });

  it('keeps the digest of what it makes, so that it can be pinned', async function () {
    const store = await open(fixturePath(this, 'archives/docker20-multi.tar'));
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

  it('finds an image by familiar and full name, by tag, by digest and by its place', async function () {
    const store = await open(fixturePath(this, 'archives/podman-multi.tar'));
    const { digest } = await store.resolve('127.0.0.1:5203/fx/tiny:2');
    for (const reference of ['2', digest, '@1'])
      assert.equal((await store.resolve(reference)).digest, digest);
    await assert.rejects(store.resolve('@2'), { code: 'NOT_FOUND', message: /it holds 2, counted from @0/ });
    await assert.rejects(store.resolve('tiny:3'), { code: 'NOT_FOUND' });
  });

  it('is read from other projects once the xz around it is taken off, which lading asks for', async function () {
    const packed = fixturePath(this, 'docker-archives/docker-two-images.tar.xz');
    await assert.rejects(openPath(packed), { code: 'UNSUPPORTED', hint: /xz -d/ });
    let bytes: Buffer;
    try {
      bytes = execFileSync('xz', ['-dc', packed], { stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      return this.skip(); // xz is not installed
    }
    const store = await openBytes(bytes);
    assert.deepEqual(await namesOf(store), ['example.com/empty/but:different', 'example.com/empty:latest']);
    for (const name of await namesOf(store)) await readImage(store, name);
  });

  it('is read as a directory too', async () => {
    const [layer, config] = [plainLayer('x'), configFor(plainLayer('x'))];
    await mkdir(path('unpacked/blob'), { recursive: true });
    await writeFile(path('unpacked/blob/layer'), layer);
    await writeFile(path('unpacked/config'), config);
    await writeFile(
      path('unpacked/manifest.json'),
      '[{"Config":"config","RepoTags":["a:b"],"Layers":["blob/layer"]}]',
    );
    const store = await open(path('unpacked'));
    assert.equal((await readImage(store, 'a:b')).config, digestOf(config));
  });

  it('takes layers by any name, compressed or not, and hashes those whose name does not state their digest', async () => {
    const layers = ['a', 'b', 'c', 'd'].map(plainLayer);
    const packed = layers.map((layer) => gzipSync(layer));
    const [a, b, c, d] = packed;
    assert.ok(a && b && c && d);
    const named = `${encodedOf(digestOf(b))}.tar.gz`;
    const byDiffID = `${encodedOf(digestOf(layers[2] ?? a))}.tar.gz`;
    const store = await openBytes(
      dockerArchive(
        {
          'first.tar': a,
          [named]: b,
          [byDiffID]: c,
          'plain.tar.gz': layers[3] ?? d,
          config: configFor(...layers),
        },
        [{ Config: 'config', RepoTags: ['a:b'], Layers: ['first.tar', named, byDiffID, 'plain.tar.gz'] }],
      ),
    );
    const { manifest } = await readImage(store, 'a:b');
    assert.deepEqual(
      manifest.layers.map(({ mediaType }) => mediaType),
      [...Array(3).fill(MEDIA_TYPE.dockerLayerGzip), MEDIA_TYPE.dockerLayerTar],
    );
    assert.deepEqual(
      manifest.layers.slice(0, 3).map(({ digest }) => digest),
      [a, b, c].map((bytes) => digestOf(bytes)),
    );
  });

  it('takes zstd layers', async () => {
    const layer = plainLayer('zstd');
    const packed = storedInZstd(layer);
    const store = await openBytes(
      dockerArchive({ 'layer.tar': packed, config: configFor(layer) }, [
        { Config: 'config', RepoTags: null, Layers: ['layer.tar'] },
      ]),
    );
    const { manifest } = await readImage(store, '@0');
    assert.deepEqual(manifest.layers, [
      { mediaType: MEDIA_TYPE.dockerLayerZstd, digest: digestOf(packed), size: packed.byteLength },
    ]);
  });

  it('follows symbolic and hard links to a layer, and reads it once', async () => {
    const layer = plainLayer('shared');
    const store = await openBytes(
      dockerArchive(
        {
          'v1/layer.tar': layer,
          'v2/layer.tar': '-> ../v1/layer.tar',
          'v3/layer.tar': '=> v2/layer.tar',
          config: configFor(layer, layer, layer),
        },
        [{ Config: 'config', RepoTags: ['a:b'], Layers: ['v1/layer.tar', 'v2/layer.tar', './v3/layer.tar'] }],
      ),
    );
    const { manifest } = await readImage(store, 'a:b');
    assert.deepEqual(new Set(manifest.layers.map(({ digest }) => digest)), new Set([digestOf(layer)]));
  });

  it('may have images without names, layers or both, and one image under several names', async () => {
    const [layer, none, one] = [plainLayer('x'), configFor(), configFor(plainLayer('x'))];
    const store = await openBytes(
      dockerArchive({ 'l.tar': layer, none, one }, [
        { Config: 'none', RepoTags: null, Layers: null },
        { Config: 'one', RepoTags: ['a:1', 'example.com/a:2'], Layers: ['l.tar'], Parent: digestOf(none) },
      ]),
    );
    const nameless = await store.resolve('@0');
    assert.deepEqual(
      await namesOf(store),
      ['docker.io/library/a:1', 'example.com/a:2', nameless.digest].sort(),
    );
    assert.equal((await readImage(store, nameless.digest)).config, digestOf(none));
    assert.equal((await store.resolve('a:1')).digest, (await store.resolve('example.com/a:2')).digest);
    assert.equal((await store.resolve('@1')).digest, (await store.resolve('a:1')).digest);
  });

  it('gives a name that two images claim to the later, as docker load does', async () => {
    const [first, second] = [configFor(), configOfDiffIDs(digestOf(plainLayer('x')))];
    const store = await openBytes(
      dockerArchive({ first, second, l: plainLayer('x') }, [
        { Config: 'first', RepoTags: ['a:1'], Layers: [] },
        { Config: 'second', RepoTags: ['a:1'], Layers: ['l'] },
      ]),
    );
    assert.equal((await readImage(store, 'a:1')).config, digestOf(second));
    assert.equal((await readImage(store, '@0')).config, digestOf(first));
  });

  it('takes an empty file for the empty layer that the config names', async () => {
    const diffID = digestOf(Buffer.alloc(1024));
    const store = await openBytes(
      dockerArchive({ empty: '', half: Buffer.alloc(512), config: configOfDiffIDs(diffID, diffID) }, [
        { Config: 'config', RepoTags: ['a:b'], Layers: ['empty', 'half'] },
      ]),
    );
    const { manifest } = await readImage(store, 'a:b');
    assert.deepEqual(new Set(manifest.layers.map(({ size }) => size)), new Set([1024]));
  });

  it('keeps a foreign layer that is not in it as a pointer to where it is', async () => {
    const diffID = digestOf(plainLayer('windows'));
    const source = {
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
      size: 12,
      digest: digestOf(Buffer.from('compressed')),
      urls: ['https://example.com/layer'],
    };
    const store = await openBytes(
      dockerArchive({ config: configOfDiffIDs(diffID) }, [
        { Config: 'config', RepoTags: ['a:b'], Layers: ['gone.tar'], LayerSources: { [diffID]: source } },
      ]),
    );
    const root = await store.resolve('a:b');
    const manifest: unknown = JSON.parse((await readContent(store, root)).toString());
    assert.deepEqual(manifest, { ...Object(manifest), layers: [source] });
  });

  describe('that is hostile or damaged', () => {
    const layer = plainLayer('x');
    const config = configFor(layer);

    async function refuses(bytes: Buffer, expected: { code: string; message?: RegExp }): Promise<void> {
      await writeFile(path('bad.tar'), bytes);
      await assert.rejects(openPath(path('bad.tar')), expected);
    }

    const item = { Config: 'c', RepoTags: ['a:b'], Layers: ['l'] };

    it('is refused when a path or a link leads out of it', async () => {
      const outside = { ...item, Layers: ['../../etc/passwd'] };
      await refuses(dockerArchive({ c: config }, [outside]), {
        code: 'INVALID_ARCHIVE',
        message: /leads out of it/,
      });
      await refuses(dockerArchive({ c: config, l: '-> ../l' }, [item]), {
        code: 'INVALID_ARCHIVE',
        message: /link/,
      });
      await refuses(dockerArchive({ c: '-> /etc/passwd', l: layer }, [item]), { code: 'INVALID_ARCHIVE' });
      await refuses(dockerArchive({ c: config, l: '-> l' }, [item]), {
        code: 'INVALID_ARCHIVE',
        message: /circle/,
      });
      await refuses(dockerArchive({ c: config, '../l': layer }, [item]), { code: 'INVALID_ARCHIVE' });
    });

    it('is refused when something that it names is not there', async () => {
      await refuses(dockerArchive({ l: layer }, [item]), {
        code: 'MISSING_CONTENT',
        message: /names c as a config/,
      });
      await refuses(dockerArchive({ c: config }, [item]), {
        code: 'MISSING_CONTENT',
        message: /names l as a layer/,
      });
    });

    it('is refused when it holds a file twice with different bytes', async () => {
      const twice = Buffer.concat([
        dockerArchive({ l: layer }, []).subarray(0, -2048),
        dockerArchive({ c: config, l: plainLayer('y') }, [item]),
      ]);
      await refuses(twice, { code: 'INVALID_ARCHIVE' });
    });

    it('is refused for a config that is none, or that is too large to be one', async () => {
      await refuses(dockerArchive({ c: '{"rootfs":1}', l: layer }, [item]), { code: 'INVALID_MANIFEST' });
      await refuses(dockerArchive({ c: Buffer.alloc(4 * 1024 * 1024 + 1, 32), l: layer }, [item]), {
        code: 'TOO_LARGE',
      });
    });

    it('is refused for a manifest.json that is no list of images, and for a name that is none', async () => {
      for (const items of [null, [null], [{ Config: 1 }], [{ ...item, Layers: 'l' }]])
        await refuses(dockerArchive({ c: config, l: layer }, items), { code: 'INVALID_ARCHIVE' });
      const misnamed = { ...item, RepoTags: ['UPPER:case'] };
      await refuses(dockerArchive({ c: config, l: layer }, [misnamed]), {
        code: 'INVALID_ARCHIVE',
        message: /UPPER/,
      });
    });

    it('is refused for layers compressed in a way that lading does not read', async () => {
      const packed = Buffer.concat([Buffer.from('BZh91AY'), Buffer.alloc(2000)]);
      await refuses(dockerArchive({ c: config, l: packed }, [item]), {
        code: 'UNSUPPORTED',
        message: /bzip2/,
      });
    });

    it('holds no image when its list is empty', async () => {
      const store = await openBytes(dockerArchive({}, []));
      assert.deepEqual(await namesOf(store), []);
      await assert.rejects(store.resolve('@0'), { code: 'NOT_FOUND' });
    });
  });
});

/** A zstd frame with its bytes as they are, in one raw block. (RFC 8878, 3.1.1) */
function storedInZstd(bytes: Buffer): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.byteLength << 3) | 1, 0, 3);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.byteLength);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size, block, bytes]);
}
