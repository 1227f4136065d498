import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { EMPTY_LAYER } from '../../../src/manifest/convert/empty-layer.js';
import { verifySchema1Signatures } from '../../../src/manifest/schema1/signature.js';
import {
  jsonContent,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
} from '../../support/images.js';
import { codesOf } from '../../support/registry-server.js';
import { useConvertingServer } from './serving-conversions.js';

const { ociManifest, dockerManifestList, dockerManifest, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

describe('conversions for a server of an image', () => {
  const { served, warnings, restart, keep, manifest, converted, image, blob } = useConvertingServer();
  let docker: MadeImage;
  let oci: MadeImage;

  before(async () => {
    docker = await makeImage({ seed: 'docker', format: 'docker' });
    oci = await makeImage({ seed: 'oci' });
  });

  const OLD_CLIENTS: [name: string, accept: string[], schema1Default: boolean][] = [
    ['names schema1 only', [schema1], false],
    ['names schema1 without a signature only', [MEDIA_TYPE.dockerSchema1], false],
    ['sends no Accept header, as Docker before 1.10 does, with schema1Default', [], true],
  ];
  for (const [name, accept, schema1Default] of OLD_CLIENTS) {
    it(`give a signed schema1 of schema2 and OCI images to a client that ${name}`, async () => {
      await restart({ schema1Default });
      await keep(docker, 'docker');
      await keep(oci, 'oci');
      for (const [tag, { layers }] of Object.entries({ docker, oci })) {
        const { bytes, descriptor } = await converted(tag, ...accept);
        assert.equal(descriptor.mediaType, schema1);
        assert.equal(verifySchema1Signatures(bytes).length, 1);
        const document = JSON.parse(bytes.toString());
        assert.deepEqual([document.name, document.tag], ['app', tag]);
        assert.deepEqual(
          document.fsLayers.map((layer: { blobSum: string }) => layer.blobSum),
          layers.map(({ descriptor }) => descriptor.digest).reverse(),
        );
        for (const layer of layers) assert.ok((await blob(layer.descriptor.digest)).equals(layer.bytes));
      }
    });
  }

  for (const schema1Default of [false, true]) {
    it(`give the stored form to clients that accept everything${schema1Default ? ', with schema1Default too' : ''}`, async () => {
      await restart({ schema1Default });
      await keep(docker, 'docker');
      await keep(oci, 'oci');
      await keep(makeIndex([oci]), 'index');
      const everything = ['*/*', 'application/*', 'application/json', 'text/html', '*/*;q=0.1'];
      for (const accept of [...everything.map((range) => [range]), ...(schema1Default ? [] : [[]])]) {
        for (const [tag, { manifest: stored }] of Object.entries({ docker, oci, index: makeIndex([oci]) })) {
          const { headers, body } = await manifest(tag, ...accept);
          assert.equal(headers['content-type'], stored.descriptor.mediaType, `${tag} to ${accept}`);
          assert.ok(body.equals(stored.bytes));
        }
      }
    });
  }

  it('heed the weights that a client gives', async () => {
    await keep(oci, 'oci');
    const given = async (...accept: string[]) => (await manifest('oci', ...accept)).headers['content-type'];
    assert.equal(await given(`${dockerManifest};q=0.9`, ociManifest), ociManifest);
    assert.equal(await given(dockerManifest, `${ociManifest};q=0.9`), dockerManifest);
    assert.equal(await given(`${ociManifest};q=0`, '*/*'), dockerManifest);
    assert.equal(await given(`${dockerManifest};q=0`, schema1), schema1);
  });

  it('turn schema2 into OCI and OCI into schema2 where only that is accepted, and keep the config', async () => {
    await keep(docker, 'docker');
    await keep(oci, 'oci');
    assert.equal((await image('docker', ociManifest)).config.digest, docker.config.descriptor.digest);
    const made = await image('oci', dockerManifest, dockerManifestList, schema1);
    assert.equal(made.mediaType, dockerManifest);
    assert.equal(made.config.digest, oci.config.descriptor.digest);
    assert.equal(made.config.mediaType, MEDIA_TYPE.dockerConfig);
  });

  it('leave the bytes alone by digest, and by tag where they are accepted', async () => {
    await keep(docker, 'docker');
    const { digest } = docker.manifest.descriptor;
    for (const accept of [[], ['*/*'], [schema1], [ociManifest]]) {
      const { body, headers } = await manifest(digest, ...accept);
      assert.ok(body.equals(docker.manifest.bytes));
      assert.equal(headers.vary, undefined);
    }
    const { body, headers } = await manifest('docker', `${schema1};q=0.1`, dockerManifest);
    assert.ok(body.equals(docker.manifest.bytes));
    assert.equal(headers.vary, 'Accept');
  });

  it('name the empty layer of schema1, and have it', async () => {
    const empty = { created_by: 'CMD ["sh"]', empty_layer: true };
    const document = JSON.parse(docker.config.bytes.toString());
    const config = jsonContent(MEDIA_TYPE.dockerConfig, {
      ...document,
      history: [empty, ...document.history],
    });
    const manifest = jsonContent(dockerManifest, {
      ...JSON.parse(docker.manifest.bytes.toString()),
      config: config.descriptor,
    });
    await keep({ manifest, all: [...docker.layers, config, manifest] }, 'empty');
    assert.equal((await served.ask(`/v2/app/blobs/${EMPTY_LAYER.digest}`)).status, 404);
    const { fsLayers } = JSON.parse((await converted('empty', schema1)).bytes.toString());
    assert.equal(fsLayers.at(-1).blobSum, EMPTY_LAYER.digest);
    assert.ok((await blob(EMPTY_LAYER.digest)).equals(EMPTY_LAYER.bytes));
    const part = await served.ask(`/v2/app/blobs/${EMPTY_LAYER.digest}`, {
      headers: { Range: 'bytes=1-2' },
    });
    assert.deepEqual([part.status, part.body], [206, EMPTY_LAYER.bytes.subarray(1, 3)]);
  });

  it('are the same after a restart, and another schema1 for another tag', async () => {
    await keep(docker, '1', '2');
    const digests = async () => {
      const made = [
        await converted('1', schema1),
        await converted('2', schema1),
        await converted('1', ociManifest),
      ];
      return made.map(({ descriptor }) => descriptor.digest);
    };
    const before = await digests();
    assert.equal(new Set(before).size, 3);
    await restart();
    assert.equal((await manifest(before[0] ?? '')).status, 404);
    assert.deepEqual(await digests(), before);
  });

  it('are known in the repository that they were asked for in', async () => {
    await keep(docker, '1');
    const { descriptor } = await converted('1', ociManifest);
    const path = `/v2/some/other/manifests/${descriptor.digest}`;
    assert.deepEqual(codesOf(await served.ask(path)), ['MANIFEST_UNKNOWN']);
    await served.ask('/v2/some/other/manifests/1', { headers: { Accept: ociManifest } });
    assert.equal((await served.ask(path)).status, 200);
  });

  it('are held against If-None-Match, not what is stored', async () => {
    await keep(docker, '1');
    const { descriptor } = await converted('1', schema1);
    const status = async (tag: string, accept: string): Promise<number> => {
      const headers = { 'If-None-Match': tag, Accept: accept };
      return (await served.ask('/v2/app/manifests/1', { headers })).status;
    };
    const stored = docker.manifest.descriptor.digest;
    assert.equal(await status(`"x", W/"${descriptor.digest}"`, schema1), 304);
    assert.equal(await status(`"${stored}"`, schema1), 200);
    assert.equal(await status(`"${stored}"`, dockerManifest), 304);
    assert.equal(await status(`"${descriptor.digest}"`, dockerManifest), 200);
  });

  it('are made again when they were forgotten, with the same digest', async () => {
    await restart({ keptBytes: 0 });
    await keep(docker, '1');
    const { descriptor } = await converted('1', ociManifest);
    assert.equal((await manifest(descriptor.digest)).status, 200);
    const old = await manifest('1', schema1);
    const again = await manifest(String(old.headers['docker-content-digest']));
    assert.deepEqual([again.status, again.headers['content-length']], [200, old.headers['content-length']]);
  });

  it('give the stored bytes where there is no other form, and say why once', async () => {
    const zstd = await makeImage({ seed: 'zstd' });
    const document = JSON.parse(zstd.manifest.bytes.toString());
    for (const layer of document.layers) layer.mediaType = MEDIA_TYPE.ociLayerZstd;
    const changed = jsonContent(ociManifest, document);
    await keep({ manifest: changed, all: [...zstd.layers, zstd.config, changed] }, 'zstd');
    const note = makeReferrer(docker.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
    await keep(note, 'note');
    const signature = makeCosignSignature(docker.manifest.descriptor);
    await keep(signature, signature.tag);
    const broken = jsonContent(ociManifest, { ...document, config: docker.config.descriptor });
    await keep({ manifest: broken, all: [broken] }, 'without-config');
    for (const [tag, { bytes }] of [
      ['zstd', changed],
      ['note', note.manifest],
      [signature.tag, signature.manifest],
      ['without-config', broken],
    ] as const) {
      for (const accept of [[], [dockerManifest], [schema1]]) {
        const { status, headers, body } = await manifest(tag, ...accept);
        assert.deepEqual([status, headers['content-type']], [200, ociManifest]);
        assert.ok(body.equals(bytes));
      }
    }
    assert.deepEqual(
      warnings.map((warning) => warning.split(':')[1]?.split(' ')[0]),
      ['zstd', 'zstd', 'without-config', 'without-config'],
    );
  });
});
