import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { digestOf } from '../../../src/content/digest.js';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { openArchiveForWriting } from '../../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { copyInto, storeOf } from '../../support/archives.js';
import { fixturePath } from '../../support/fixtures.js';
import {
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { signedSchema1 } from '../../support/signed-schema1.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry, type TestRegistry } from '../registry.js';

describe('inspect', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let amd64: MadeImage;
  let arm64: MadeImage;
  let index: MadeIndex;
  before(async () => {
    registry = await startRegistry();
    amd64 = await makeImage({ seed: 'amd64', layers: [5000, 70] });
    arm64 = await makeImage({
      seed: 'arm64',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    index = makeIndex([amd64, arm64]);
    await registry.put('multi:1', index);
  });
  after(() => registry.close());

  const sizeOf = ({ all }: MadeImage): number => all.reduce((sum, { bytes }) => sum + bytes.length, 0);

  it('shows platforms, layers, config and history, from a registry and from what was saved', async () => {
    await copyInto(
      await openArchiveForWriting(path('out.tar'), { format: 'universal' }),
      await storeOf({ [`${registry.name}/multi:1`]: index }),
      [`${registry.name}/multi:1`],
    );
    const fromRegistry = await inspect(`${registry.name}/multi:1`);
    assert.deepEqual(await inspect(path('out.tar')), fromRegistry);
    assert.deepEqual(await inspect(`oci-archive:${path('out.tar')}:${registry.name}/multi:1`), fromRegistry);
    assert.deepEqual(await inspect(`docker://${registry.name}/multi:1`), fromRegistry);

    const [image] = fromRegistry.images;
    assert.equal(image?.name, `${registry.name}/multi:1`);
    assert.equal(image?.digest, index.manifest.descriptor.digest);
    assert.equal(image?.size, index.manifest.bytes.length + sizeOf(amd64) + sizeOf(arm64));
    const created = '2024-01-02T03:04:05Z';
    assert.deepEqual(image?.platforms[0], {
      ...amd64.platform,
      digest: amd64.manifest.descriptor.digest,
      mediaType: amd64.manifest.descriptor.mediaType,
      size: sizeOf(amd64),
      layers: amd64.layers.map(({ descriptor, bytes }, place) => ({
        ...descriptor,
        diffID: digestOf(gunzipSync(bytes)),
        createdBy: `ADD layer ${place}`,
      })),
      config: { Env: ['PATH=/bin'], Cmd: ['/bin/sh'], Labels: { seed: 'amd64' } },
      history: [0, 1].map((place) => ({ created, created_by: `ADD layer ${place}` })),
    });
    assert.equal(image?.platforms[1]?.variant, 'v8');
  });

  it('fetches no layer', async () => {
    registry.sentBlobs();
    await inspect(`${registry.name}/multi:1`);
    const layers = [...amd64.layers, ...arm64.layers].map(({ descriptor }): string => descriptor.digest);
    assert.deepEqual(
      registry.sentBlobs().filter((digest) => layers.includes(digest)),
      [],
    );
  });

  it('shows every image of an archive, or the one that is asked for', async () => {
    const archive = fixturePath('archives/ctr-export-multi.tar');
    const { images } = await inspect(archive);
    assert.deepEqual(
      images.map(({ name }) => name),
      ['127.0.0.1:5203/fx/tiny:1', '127.0.0.1:5203/fx/tiny:2'],
    );
    for (const { digest, platforms } of images) {
      assert.equal(platforms.length, 1);
      assert.equal(platforms[0]?.digest, digest);
      assert.equal(platforms[0]?.os, 'linux');
    }
    assert.deepEqual(
      (await inspect(archive, { reference: '2' })).images.map(({ name }) => name),
      ['127.0.0.1:5203/fx/tiny:2'],
    );
    assert.equal((await inspect(archive, { reference: 'fx/*' })).images.length, 2);
    await assert.rejects(inspect(archive, { reference: '3' }), { code: 'NOT_FOUND' });
  });

  it('shows what is attached, and not as images of its own', async () => {
    const note = makeReferrer(amd64.manifest.descriptor, { artifactType: 'text/x-sbom', payload: 'sbom' });
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const source = await storeOf({ 'reg.test/a:1': amd64, [`reg.test/a:${signature.tag}`]: signature });
    await pushAll(source, note.all);
    await copyInto(await openLayoutForWriting(path('layout')), source, ['reg.test/a:1']);
    const { images } = await inspect(path('layout'));
    assert.equal(images.length, 1);
    const byDigest = (a: { digest: string }, b: { digest: string }): number => (a.digest < b.digest ? -1 : 1);
    assert.deepEqual(
      images[0]?.referrers.sort(byDigest),
      [
        { digest: note.manifest.descriptor.digest, artifactType: 'text/x-sbom' },
        { digest: signature.manifest.descriptor.digest, tag: signature.tag },
      ].sort(byDigest),
    );
  });

  it('shows what it can of a layout with damaged images, and rejects for the one that is asked for', async () => {
    const layout = fixturePath('layouts/mislabelled');
    const { images } = await inspect(layout);
    assert.deepEqual(
      images.map(({ name, problem, platforms }) => [name, problem !== undefined, platforms.length]),
      [
        ['1', true, 0],
        ['2', false, 1],
        ['3', true, 0],
        ['4', true, 0],
      ],
    );
    await assert.rejects(inspect(layout, { reference: '4' }), { code: 'INVALID_MANIFEST' });
  });

  it('shows the signatures of a schema1 image, with their keys, whether they hold or not', async () => {
    const schema1 = signedSchema1();
    const broken = Buffer.from(schema1.bytes);
    const place = broken.lastIndexOf('"signature": "') + 20;
    broken.writeUInt8(broken.readUInt8(place) === 0x41 ? 0x42 : 0x41, place);
    const keys = [];
    for (const [name, bytes] of [
      ['good:1', schema1.bytes],
      ['bad:1', broken],
    ] as const) {
      const manifest = { ...schema1, bytes };
      await registry.put(name, { manifest, all: [manifest] });
      const [signature, ...others] =
        (await inspect(`${registry.name}/${name}`)).images[0]?.platforms[0]?.signatures ?? [];
      assert.deepEqual([signature?.valid, others], [name === 'good:1', []]);
      keys.push(signature?.keyId);
    }
    assert.match(keys[0] ?? '', /^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
    assert.equal(keys[0], keys[1]);
  });

  it('shows a schema1 image as far as it tells of itself', async () => {
    const schema1 = signedSchema1();
    await registry.put('legacy:1', { manifest: schema1, all: [schema1] });
    const [image] = (await inspect(`${registry.name}/legacy:1`)).images;
    assert.equal(image?.digest, schema1.descriptor.digest);
    const [platform] = image.platforms;
    assert.deepEqual([platform?.os, platform?.architecture], ['linux', 'amd64']);
    assert.equal(platform?.layers.length, platform?.history.length);
    assert.ok(platform?.layers.every(({ size, diffID }) => size === undefined && diffID === undefined));
  });

  it('says what an index left out on purpose, and fails where a child is missing for no reason', async () => {
    const source = await storeOf({ 'reg.test/a:1': index });
    const platforms = [arm64.platform];
    const sparse = await openLayoutForWriting(path('sparse'));
    await copyInto(sparse, source, ['reg.test/a:1'], { platforms, index: 'sparse' });
    const [image] = (await inspect(path('sparse'))).images;
    assert.deepEqual(image?.absent, [amd64.manifest.descriptor.digest]);
    assert.deepEqual(
      image?.platforms.map(({ digest }) => digest),
      [arm64.manifest.descriptor.digest],
    );

    const holey = await openLayoutForWriting(path('holey'));
    await pushAll(holey, [...arm64.all, index.manifest]);
    await holey.tag(index.manifest.descriptor, 'reg.test/a:1');
    await holey.commit();
    await holey.close();
    await assert.rejects(inspect(path('holey')), {
      code: 'MISSING_CONTENT',
      message: new RegExp(amd64.manifest.descriptor.digest),
    });
  });

  it('tells a path that is not there from an image that is not there', async () => {
    await assert.rejects(inspect(path('missing.tar')), {
      code: 'NOT_FOUND',
      message: /missing\.tar does not exist/,
    });
    await assert.rejects(inspect('./missing'), { code: 'NOT_FOUND' });
    await assert.rejects(inspect('Not An Image'), { code: 'NOT_FOUND', message: /nor a valid image name/ });
    await assert.rejects(inspect(`${registry.name}/multi:2`), { code: 'NOT_FOUND' });
  });
});
