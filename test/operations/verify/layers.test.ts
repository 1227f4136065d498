import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Digest, digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeLayerTar,
  pushAll,
} from '../../support/images.js';
import { rawEntry } from '../../support/tar-maker.js';
import { foundIn, layerOf, makeTwo, NAME, usePlaces } from './verifying.js';

describe('verify', () => {
  const { path } = usePlaces();
  let amd64: MadeImage;
  before(async () => {
    [amd64] = await makeTwo();
  });

  /** An image of one layer whose config says something of it. */
  const writeImage = async (layer: Content, diffIDs: string[], history: object[] = []): Promise<Content> => {
    const config = jsonContent(MEDIA_TYPE.ociConfig, {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: diffIDs },
      history,
    });
    const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
    });
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [layer, config, manifest]);
    await store.tag(manifest.descriptor, NAME);
    await store.commit();
    await store.close();
    return manifest;
  };

  it('finds a layer that is not what the config says, unless it is told not to look', async () => {
    const layer = layerOf(amd64);
    const other: Digest = `sha256:${'1'.repeat(64)}`;
    await writeImage(layer, [other]);
    const result = await verify(path('layout'));
    assert.deepEqual(foundIn(result), [['DIGEST_MISMATCH', layer.descriptor.digest]]);
    assert.match(
      result.findings[0]?.message ?? '',
      new RegExp(`has diffID sha256:\\w+, its config .* says ${other}`),
    );
    const quick = await verify(path('layout'), { diffIDs: false });
    assert.deepEqual([foundIn(quick), quick.checked.diffIDs], [[], 0]);
  });

  it('finds layers that cannot be unpacked: cut, no tar, not what they are named', async () => {
    const gzip = layerOf(amd64).bytes;
    const diffID = digestOf(gunzipSync(gzip));
    for (const [bytes, code] of [
      [gzip.subarray(0, -20), 'INVALID_ARCHIVE'],
      [
        gzipSync('no tar at all, but long enough for more than one of its blocks'.repeat(20)),
        'INVALID_ARCHIVE',
      ],
      [Buffer.from('neither gzip nor tar'), 'INVALID_ARCHIVE'],
    ] as const) {
      const layer = contentOf(MEDIA_TYPE.ociLayerGzip, Buffer.from(bytes));
      await writeImage(layer, [diffID]);
      assert.deepEqual(foundIn(await verify(path('layout'))), [[code, layer.descriptor.digest]]);
      await rm(path('layout'), { recursive: true });
    }
  });

  it('finds layers whose tar is broken inside sound compression, and plain ones', async () => {
    const tar = await makeLayerTar('broken', 5000);
    const broken = Buffer.from(tar.subarray(0, 3000));
    const end = Buffer.alloc(1024);
    const wrong = { name: 'second', alter: (block: Buffer) => block.write('zzz', 124) };
    for (const [plain, problem] of [
      [broken, 'ends inside the entry at byte 512'],
      [
        Buffer.concat([rawEntry({ name: 'first' }), rawEntry(wrong), end]),
        'is broken: the header at byte 512 has a size that is not a number',
      ],
    ] as const) {
      for (const [type, bytes] of [
        [MEDIA_TYPE.ociLayerGzip, gzipSync(plain)],
        ['application/vnd.oci.image.layer.v1.tar', plain],
      ] as const) {
        const layer = contentOf(type, bytes);
        const { digest } = layer.descriptor;
        await writeImage(layer, [digestOf(plain)]);
        const result = await verify(path('layout'));
        assert.deepEqual(foundIn(result), [['INVALID_ARCHIVE', digest]]);
        assert.equal(
          result.findings[0]?.message,
          `layer ${digest} holds a tar that ${problem}; Docker, containerd and podman refuse it`,
        );
        const quick = await verify(path('layout'), { diffIDs: false });
        assert.deepEqual(foundIn(quick), []);
        await rm(path('layout'), { recursive: true });
      }
    }
  });

  it('says nothing more of a broken tar that is not the one of the config', async () => {
    const tar = await makeLayerTar('another', 5000);
    const layer = contentOf(MEDIA_TYPE.ociLayerGzip, gzipSync(tar.subarray(0, 3000)));
    await writeImage(layer, [digestOf(tar)]);
    assert.deepEqual(foundIn(await verify(path('layout'))), [['DIGEST_MISMATCH', layer.descriptor.digest]]);
  });

  it('checks a layer of several gzip members, and one that is plain', async () => {
    const tar = await makeLayerTar('members', 50_000);
    const members = Buffer.concat([gzipSync(tar.subarray(0, 9000)), gzipSync(tar.subarray(9000))]);
    for (const bytes of [members, tar]) {
      await writeImage(contentOf(MEDIA_TYPE.ociLayerGzip, bytes), [digestOf(tar)]);
      const result = await verify(path('layout'));
      assert.deepEqual([foundIn(result), result.checked.diffIDs], [[], 1]);
      await rm(path('layout'), { recursive: true });
    }
  });

  it('finds a config of other layers than the manifest has, and notes a history of others', async () => {
    const layer = layerOf(amd64);
    const diffID = digestOf(gunzipSync(layer.bytes));
    const manifest = await writeImage(layer, [diffID, diffID]);
    assert.deepEqual(foundIn(await verify(path('layout'))), [
      ['INVALID_MANIFEST', manifest.descriptor.digest],
    ]);
    await rm(path('layout'), { recursive: true });
    await writeImage(layer, [diffID], [{ created_by: 'one' }, { created_by: 'two' }]);
    const { ok, notes } = await verify(path('layout'));
    assert.deepEqual([ok, notes.map(({ code }) => code)], [true, ['HISTORY_MISMATCH']]);
  });
});
