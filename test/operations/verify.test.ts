import assert from 'node:assert/strict';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { withAbsent } from '../../src/content/annotations.js';
import { type Digest, digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { type Finding, type VerifyResult, verify } from '../../src/operations/verify.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { signedSchema1 } from '../store/contract.js';
import { copyInto, storeOf } from '../support/archives.js';
import { fixturePath } from '../support/fixtures.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeImage,
  makeIndex,
  makeLayerTar,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';

const NAME = 'reg.test/a:1';

describe('verify', () => {
  const path = useFolder();
  let amd64: MadeImage;
  let arm64: MadeImage;
  before(async () => {
    amd64 = await makeImage({ seed: 'amd64', layers: [5000, 70] });
    arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  });

  /** An index of two images in a layout directory and in an archive. */
  const writeBoth = async (): Promise<void> => {
    const source = await storeOf({ [NAME]: makeIndex([amd64, arm64]) });
    await copyInto(await openLayoutForWriting(path('layout')), source, [NAME]);
    await copyInto(await openArchiveForWriting(path('out.tar'), { format: 'universal' }), source, [NAME]);
  };
  const fileOf = ({ descriptor }: Content): string => join(path('layout'), blobPath(descriptor.digest));
  const layerOf = ({ layers }: MadeImage): Content => {
    const [layer] = layers;
    assert.ok(layer);
    return layer;
  };
  const flip = async (file: string, position: number): Promise<void> => {
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position);
    await writeFile(file, bytes);
  };
  const foundIn = ({ ok, findings }: VerifyResult): [code: string, digest: string | undefined][] => {
    assert.equal(ok, findings.length === 0);
    return findings.map(({ code, digest }: Finding) => [code, digest]);
  };

  it('finds nothing wrong where nothing is, and counts what it looked at', async () => {
    await writeBoth();
    const all = makeIndex([amd64, arm64]).all;
    for (const place of [path('layout'), path('out.tar')]) {
      let hashed = 0;
      const onHashed = (bytes: number): void => {
        hashed += bytes;
      };
      const result = await verify(place, { onHashed });
      assert.deepEqual(foundIn(result), []);
      const bytes = all.reduce((sum, content) => sum + content.bytes.length, 0);
      assert.deepEqual(result.checked, { manifests: 3, blobs: all.length - 3, bytes, diffIDs: 4 });
      assert.deepEqual(result.notes, []);
      assert.deepEqual(result.documents.map(({ kind }) => kind).sort(), [
        'oci-config',
        'oci-config',
        'oci-index',
        'oci-manifest',
        'oci-manifest',
      ]);
      const layers = [...amd64.layers, ...arm64.layers];
      assert.equal(
        hashed,
        layers.reduce((sum, content) => sum + content.bytes.length, 0),
      );
    }
  });

  it('finds a flipped bit in a blob, in a directory and in an archive', async () => {
    await writeBoth();
    const layer = layerOf(amd64);
    await flip(fileOf(layer), 10);
    await flip(path('out.tar'), (await readFile(path('out.tar'))).indexOf(layer.bytes) + 10);
    for (const place of [path('layout'), path('out.tar')]) {
      const result = await verify(place);
      assert.deepEqual(foundIn(result), [['DIGEST_MISMATCH', layer.descriptor.digest]]);
      assert.equal(result.findings[0]?.path, blobPath(layer.descriptor.digest));
    }
  });

  it('finds a flipped bit in a manifest, once', async () => {
    await writeBoth();
    const { bytes, descriptor } = arm64.manifest;
    await flip(fileOf(arm64.manifest), bytes.indexOf('application'));
    assert.deepEqual(foundIn(await verify(path('layout'))), [['DIGEST_MISMATCH', descriptor.digest]]);
  });

  it('finds what is missing, and says what needs it', async () => {
    await writeBoth();
    const layer = layerOf(arm64);
    await rm(fileOf(layer));
    await rm(fileOf(amd64.manifest));
    const result = await verify(path('layout'));
    assert.deepEqual(
      foundIn(result).sort(),
      [
        ['MISSING_CONTENT', amd64.manifest.descriptor.digest],
        ['MISSING_CONTENT', layer.descriptor.digest],
      ].sort(),
    );
    for (const { message } of result.findings) assert.match(message, /reg\.test\/a:1/);
  });

  it('finds a wrong size', async () => {
    await writeBoth();
    const layer = layerOf(arm64);
    await truncate(fileOf(layer), 100);
    const codes = foundIn(await verify(path('layout')));
    assert.ok(codes.some(([code, digest]) => code === 'SIZE_MISMATCH' && digest === layer.descriptor.digest));
  });

  it('finds damage in content that no image needs', async () => {
    await writeBoth();
    const digest: Digest = `sha256:${'0'.repeat(64)}`;
    await writeFile(join(path('layout'), blobPath(digest)), 'stray');
    assert.deepEqual(foundIn(await verify(path('layout'))), [['DIGEST_MISMATCH', digest]]);
  });

  it('notes content that no image needs, and what was left out on purpose, as no fault', async () => {
    await writeBoth();
    const stray = contentOf('text/plain', Buffer.from('stray'));
    await writeFile(fileOf(stray), stray.bytes);
    const { ok, notes } = await verify(path('layout'));
    assert.equal(ok, true);
    assert.deepEqual(
      notes.map(({ code, digest }) => [code, digest]),
      [['UNREFERENCED', stray.descriptor.digest]],
    );
    // What an unreadable manifest needs is not known: nothing is said to be superfluous.
    await rm(fileOf(amd64.manifest));
    assert.deepEqual((await verify(path('layout'))).notes, []);
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

  it('finds the damage in the Docker half of an archive', async () => {
    await writeBoth();
    await writeFile(
      join(path('layout'), 'manifest.json'),
      JSON.stringify([{ Config: 'gone.json', Layers: [] }]),
    );
    const result = await verify(path('layout'));
    assert.deepEqual(foundIn(result), [['MISSING_CONTENT', undefined]]);
    assert.match(result.findings[0]?.message ?? '', /gone\.json/);
  });

  it('reports the images of a layout that can be read beside those that cannot', async function () {
    const result = await verify(fixturePath(this, 'layouts/ggcr-test_index'));
    assert.deepEqual(
      foundIn(result).map(([code]) => code),
      ['INVALID_MANIFEST', 'INVALID_MANIFEST'],
    );
    assert.match(result.findings[1]?.message ?? '', /docker-manifest-list.*"mediaType".*needed by 4/);
  });

  it('finds an ambiguous manifest, alone and in a layout', async function () {
    const document = fixturePath(this, 'manifests/invalid/ambiguous-index-with-layers.json');
    const alone = await verify(document);
    assert.deepEqual(
      foundIn(alone).map(([code]) => code),
      ['INVALID_MANIFEST'],
    );
    assert.match(alone.findings[0]?.message ?? '', /ambiguous/);
    const manifest = contentOf(MEDIA_TYPE.ociIndex, await readFile(document));
    const entry = { ...manifest.descriptor, annotations: { 'org.opencontainers.image.ref.name': NAME } };
    await writeBoth();
    await writeFile(fileOf(manifest), manifest.bytes);
    await writeFile(
      join(path('layout'), 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
    );
    assert.match((await verify(path('layout'))).findings[0]?.message ?? '', /ambiguous/);
  });

  it('refuses a tar that was cut', async () => {
    await writeBoth();
    const { length } = await readFile(path('out.tar'));
    for (const end of [length - 6000, 3000, 700]) {
      await truncate(path('out.tar'), end);
      await assert.rejects(verify(path('out.tar')), { code: /INVALID_ARCHIVE|INVALID_LAYOUT/ });
    }
  });

  it('does not miss what an archive leaves out on purpose, but what it then lacks besides', async () => {
    const index = makeIndex([amd64, arm64]);
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [...amd64.all, index.manifest]);
    await store.tag(withAbsent(index.manifest.descriptor, [arm64.manifest.descriptor.digest]), NAME);
    await store.commit();
    await store.close();
    assert.deepEqual(foundIn(await verify(path('layout'))), []);
    await rm(fileOf(layerOf(amd64)));
    const missing = [['MISSING_CONTENT', layerOf(amd64).descriptor.digest]];
    assert.deepEqual(foundIn(await verify(path('layout'))), missing);
  });

  it('finds what is wrong with a schema1 image: its layers and its signature', async () => {
    const schema1 = signedSchema1();
    const store = await openLayoutForWriting(path('layout'));
    await pushAll(store, [schema1]);
    await store.tag(schema1.descriptor, NAME);
    await store.commit();
    await store.close();
    const codes = foundIn(await verify(path('layout')));
    assert.ok(codes.length > 0);
    assert.ok(
      codes.every(([code]) => code === 'MISSING_CONTENT'),
      'the document is right, its layers are absent',
    );

    await flip(fileOf(schema1), schema1.bytes.lastIndexOf('"signature": "') + 20);
    const damaged = foundIn(await verify(path('layout')));
    assert.ok(
      damaged.some(([code, digest]) => code === 'INVALID_SIGNATURE' && digest === schema1.descriptor.digest),
    );
  });

  it('finds what is wrong with archives that were damaged by hand', async function () {
    const corrupt = await verify(fixturePath(this, 'layouts/synthetic/corrupt-blob.tar'));
    assert.deepEqual(
      foundIn(corrupt).map(([code]) => code),
      ['DIGEST_MISMATCH'],
    );
    const wrongSize = await verify(fixturePath(this, 'layouts/synthetic/wrong-size.tar'));
    assert.deepEqual(
      foundIn(wrongSize).map(([code]) => code),
      ['SIZE_MISMATCH'],
    );
    await assert.rejects(verify(fixturePath(this, 'layouts/synthetic/layout-version-2.tar')), {
      code: 'INVALID_LAYOUT',
    });
    for (const archive of ['layouts/synthetic/ok.tar', 'archives/ctr-export-multi.tar']) {
      assert.deepEqual(foundIn(await verify(fixturePath(this, archive))), [], archive);
    }
  });

  it('tells what a single document is, by its digest', async function () {
    const schema1 = await verify(fixturePath(this, 'schema1/es256-jwk.json'));
    assert.equal(schema1.ok, true);
    assert.deepEqual(schema1.documents, [
      {
        kind: 'docker-schema1',
        digest: 'sha256:06579b4856daa02791ccbcafd7bc6effb08105b85adb6ce8326b4a34ee24949b',
        mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
        signatures: [
          {
            keyId: 'WCFP:VEPR:362F:PUD7:P5JF:OUBM:67BK:UE4F:R567:S7LT:IAHD:C5AS',
            algorithm: 'ES256',
            valid: true,
          },
        ],
      },
    ]);
    const forged = await verify(fixturePath(this, 'schema1/bad-flipped-signature.json'));
    assert.deepEqual(
      foundIn(forged).map(([code]) => code),
      ['INVALID_SIGNATURE'],
    );

    await writeFile(path('manifest.json'), arm64.manifest.bytes);
    const [document] = (await verify(path('manifest.json'))).documents;
    assert.deepEqual([document?.kind, document?.digest], ['oci-manifest', arm64.manifest.descriptor.digest]);
    await writeFile(path('broken.json'), '{"schemaVersion": 2, "layers": [');
    assert.deepEqual(
      foundIn(await verify(path('broken.json'))).map(([code]) => code),
      ['INVALID_MANIFEST'],
    );
  });

  it('rejects what is not there, and what is no archive', async () => {
    await assert.rejects(verify(path('missing.tar')), { code: 'NOT_FOUND' });
    await writeFile(path('letter.txt'), 'Dear all,\n'.repeat(200));
    await assert.rejects(verify(path('letter.txt')), { code: /INVALID_ARCHIVE|UNSUPPORTED/ });
  });

  it('stops when it is told to', async () => {
    await writeBoth();
    const signal = AbortSignal.abort(new Error('stop'));
    await assert.rejects(verify(path('layout'), { signal }), { message: /stop|aborted/ });
  });
});
