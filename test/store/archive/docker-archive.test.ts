import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { digestOf, encodedOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
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
import { useArchives } from './opening.js';

describe('a docker-archive with manifest.json', () => {
  const { path, open, openBytes } = useArchives();

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

  it('is refused where two images claim a name; to be verified, the later has it, as after docker load', async () => {
    const [first, second] = [configFor(), configOfDiffIDs(digestOf(plainLayer('x')))];
    const archive = dockerArchive({ first, second, l: plainLayer('x') }, [
      { Config: 'first', RepoTags: ['a:1'], Layers: [] },
      { Config: 'second', RepoTags: ['a:1'], Layers: ['l'] },
    ]);
    await assert.rejects(openBytes(archive), {
      code: 'INVALID_ARCHIVE',
      message: new RegExp(
        `library/a:1 is .*${digestOf(first)} and also .*${digestOf(second)} in manifest.json`,
      ),
    });
    const store = await openPath(path('archive.tar'), { keepContradictions: true });
    try {
      assert.equal(store.contradictions.length, 1);
      assert.equal((await readImage(store, 'a:1')).config, digestOf(second));
      assert.equal((await readImage(store, '@0')).config, digestOf(first));
    } finally {
      await store.close();
    }
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
});

/** A zstd frame with its bytes as they are, in one raw block. (RFC 8878, 3.1.1) */
function storedInZstd(bytes: Buffer): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((bytes.byteLength << 3) | 1, 0, 3);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.byteLength);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size, block, bytes]);
}
