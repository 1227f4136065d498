import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { list } from '../../src/operations/list.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { copyInto, storeOf } from '../support/archives.js';
import { fixturePath } from '../support/fixtures.js';
import {
  type Content,
  contentOf,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

describe('list', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let image: MadeImage;
  before(async () => {
    registry = await startRegistry();
    image = await makeImage({ seed: 1 });
    for (const name of ['a:1', 'a:2', 'some/where/b:1']) await registry.put(name, image);
    const signature = makeCosignSignature(image.manifest.descriptor);
    await registry.put(`a:${signature.tag}`, signature);
  });
  after(() => registry.close());

  it('lists the repositories of a registry', async () => {
    const result = await list(registry.name);
    assert.deepEqual(result, {
      kind: 'repositories',
      registry: registry.name,
      repositories: ['a', 'some/where/b'],
    });
  });

  it('lists the tags of a repository, those of attachments only when it is asked to', async () => {
    const repository = `${registry.name}/a`;
    assert.deepEqual(await list(repository), { kind: 'tags', repository, tags: ['1', '2'] });
    const all = await list(repository, { attachments: true });
    assert.ok(all.kind === 'tags' && all.tags.length === 3);
    await assert.rejects(list(`${registry.name}/missing`), { code: 'NOT_FOUND' });
  });

  it('lists the tags that a pattern takes', async () => {
    const repository = `${registry.name}/a`;
    const tagsFor = async (...select: string[]): Promise<string[]> => {
      const result = await list(repository, { select });
      return result.kind === 'tags' ? result.tags : [];
    };
    assert.deepEqual(await tagsFor('{>=1.5}'), ['2']);
    assert.deepEqual(await tagsFor('{newest 1}', '1', '*'), ['2', '1']);
    assert.deepEqual(await tagsFor(`${repository}:1`), ['1']);
    assert.deepEqual(await tagsFor('a:*'), ['1', '2']);
    await assert.rejects(tagsFor('{>=3}'), { code: 'NOT_FOUND', hint: 'The nearest: 1, 2.' });
    await assert.rejects(tagsFor('3.*'), { code: 'NOT_FOUND' });
    await assert.rejects(tagsFor('{>=}'), { code: 'USAGE' });
  });

  it('lists the images of an archive that a pattern means', async () => {
    const folder = path('selected');
    const layout = await openLayoutForWriting(folder);
    await pushAll(layout, image.all);
    for (const name of [
      'ghcr.io/product/api:4.2.0',
      'ghcr.io/product/api:4.3.0',
      'docker.io/library/alpine:3.20',
    ])
      await layout.tag(image.manifest.descriptor, name);
    await layout.commit();
    await layout.close();
    const namesFor = async (...select: string[]): Promise<string[]> => {
      const result = await list(folder, { select });
      return result.kind === 'images' ? result.images.map(({ name }) => name).sort() : [];
    };
    assert.deepEqual(await namesFor('alpine'), ['docker.io/library/alpine:3.20']);
    assert.deepEqual(await namesFor('product/*', 'alpine:3.20'), [
      'docker.io/library/alpine:3.20',
      'ghcr.io/product/api:4.2.0',
      'ghcr.io/product/api:4.3.0',
    ]);
    assert.deepEqual(await namesFor('api:{newest 1}'), ['ghcr.io/product/api:4.3.0']);
    assert.equal((await namesFor(image.manifest.descriptor.digest)).length, 3);
    await assert.rejects(namesFor('api'), {
      code: 'USAGE',
      message: `"api" means several images of ${folder}: ghcr.io/product/api:4.2.0, ghcr.io/product/api:4.3.0`,
    });
    await assert.rejects(namesFor('product/apj'), {
      code: 'NOT_FOUND',
      hint: 'Check the name; near it: ghcr.io/product/api:4.2.0, ghcr.io/product/api:4.3.0.',
    });
  });

  it('takes what is called like an archive for one, and says that it is not there', async () => {
    for (const name of ['missing.tar', './missing', 'missing.tar.gz'])
      await assert.rejects(list(name), { code: 'NOT_FOUND', message: `${name} does not exist` });
  });

  it('lists an index that cannot be read, says why, and lists the others', async () => {
    const folder = path('layout');
    await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
    const entries: object[] = [];
    for (const [name, text] of [
      ['good', '{"schemaVersion":2,"manifests":[]}'],
      ['damaged', '{"schemaVersion":2,"manifests":[{}]}'],
    ] as const) {
      const { descriptor, bytes } = contentOf(MEDIA_TYPE.ociIndex, Buffer.from(text));
      await writeFile(join(folder, 'blobs/sha256', descriptor.digest.slice('sha256:'.length)), bytes);
      entries.push({ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } });
    }
    await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
    const result = await list(folder);
    assert.ok(result.kind === 'images');
    assert.deepEqual(
      result.images.map(({ name, problem }) => [name, problem !== undefined]),
      [
        ['good', false],
        ['damaged', true],
      ],
    );
    assert.match(result.images[1]?.problem ?? '', /expected a member "mediaType"/);
  });

  it('lists the images of an archive', async () => {
    const location = fixturePath('archives/ctr-export-multi.tar');
    const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
    assert.deepEqual(await list(location), {
      kind: 'images',
      location,
      images: [
        {
          name: '127.0.0.1:5203/fx/tiny:1',
          digest: 'sha256:e7185f6622a54f85bea7603ab48cd94c51b7d83a9a59f33af015886d5724d255',
          mediaType,
          platforms: ['linux/amd64'],
          size: 7013,
          attachments: [],
        },
        {
          name: '127.0.0.1:5203/fx/tiny:2',
          digest: 'sha256:3f5cc1cbd4017bc66df04f84aa0f0db032deaba4ddd0d32f4702c2b40a710fa7',
          mediaType,
          platforms: ['linux/amd64'],
          size: 10936,
          attachments: [],
        },
      ],
      bytes: { total: 14433, withoutSharing: 17949 }, // they share a layer of 3516 bytes
    });
  });

  it('lists the platforms of an index, attestations left out', async () => {
    const arm64 = await makeImage({
      seed: 2,
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    const attestation = await makeImage({ seed: 3, platform: { os: 'unknown', architecture: 'unknown' } });
    const signature = makeCosignSignature(image.manifest.descriptor);
    const source = await storeOf({
      'reg.test/a:1': makeIndex([image, arm64, attestation]),
      [`reg.test/a:${signature.tag}`]: signature,
    });
    await copyInto(await openLayoutForWriting(path('layout')), source, ['reg.test/a:1']);
    const shown = await list(path('layout'));
    assert.ok(shown.kind === 'images');
    assert.deepEqual(
      shown.images.map(({ name, platforms }) => [name, platforms]),
      [['reg.test/a:1', ['linux/amd64', 'linux/arm64/v8']]],
    );
    const all = await list(`oci:${path('layout')}`, { attachments: true });
    assert.ok(all.kind === 'images' && all.images.length === 2);
  });

  it('sums up what images consist of, counts shared content once, and says what is attached', async () => {
    const child = await makeImage({ seed: 'child', platform: { os: 'linux', architecture: 'arm64' } });
    const attestation = await makeImage({ seed: 3, platform: { os: 'unknown', architecture: 'unknown' } });
    const index = makeIndex([image, child]);
    const withAttestation = makeIndex([image]);
    const document = JSON.parse(withAttestation.manifest.bytes.toString());
    document.manifests.push({
      ...attestation.manifest.descriptor,
      platform: attestation.platform,
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': image.manifest.descriptor.digest,
      },
    });
    const attested = contentOf(MEDIA_TYPE.ociIndex, Buffer.from(JSON.stringify(document)));
    const signature = makeCosignSignature(index.manifest.descriptor);
    const [sbom, bundle, signed, note] = [
      ['application/spdx+json', {}],
      [BUNDLE, { 'dev.sigstore.bundle.predicateType': 'https://slsa.dev/provenance/v1' }],
      [BUNDLE, { 'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1' }],
      ['text/x-note', {}],
    ].map(([artifactType, annotations], place) =>
      makeReferrer(child.manifest.descriptor, {
        artifactType: String(artifactType),
        payload: String(place),
        annotations: { ...(annotations as object) },
      }),
    ) as [MadeImage, MadeImage, MadeImage, MadeImage];
    const source = await storeOf({
      'reg.test/a:1': index,
      [`reg.test/a:${signature.tag}`]: signature,
      'reg.test/b:1': { manifest: attested, all: [...image.all, ...attestation.all, attested] },
    });
    for (const { all } of [sbom, bundle, signed, note]) await pushAll(source, all);
    await copyInto(await openLayoutForWriting(path('layout')), source, ['reg.test/a:1', 'reg.test/b:1']);

    const bytesOf = (...contents: Content[]): number =>
      [...new Map(contents.map(({ descriptor }) => [descriptor.digest, descriptor.size])).values()].reduce(
        (sum, size) => sum + size,
      );
    const shown = await list(path('layout'));
    assert.ok(shown.kind === 'images');
    const [a, b] = shown.images;
    assert.equal(a?.size, bytesOf(...index.all));
    assert.equal(b?.size, bytesOf(...image.all, ...attestation.all, attested));
    assert.deepEqual(shown.bytes, {
      total: bytesOf(...index.all, ...attestation.all, attested),
      withoutSharing: a.size + b.size,
    });
    assert.deepEqual(a.attachments.map(({ digest, subject, kind }) => [digest, subject, kind]).sort(), [
      ...[
        [signature, index, 'signature'] as const,
        [sbom, child, 'SBOM'] as const,
        [bundle, child, 'attestation'] as const,
        [signed, child, 'signature'] as const,
        [note, child, undefined] as const,
      ]
        .map(([one, subject, kind]) => [
          one.manifest.descriptor.digest,
          subject.manifest.descriptor.digest,
          kind,
        ])
        .sort(),
    ]);
    assert.deepEqual(b.attachments, [
      {
        digest: attestation.manifest.descriptor.digest,
        subject: image.manifest.descriptor.digest,
        kind: 'attestation',
      },
    ]);
  });

  it('takes what is there for a path, and what is not for an image', async () => {
    await assert.rejects(list(path('missing.tar')), { code: 'NOT_FOUND', message: /does not exist/ });
    await assert.rejects(list('Not An Image'), { code: 'NOT_FOUND' });
  });
});
