import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import type { Platform } from '../../../src/content/platform.js';
import { type ImageIndex, type ImageManifest, parseManifest } from '../../../src/manifest/manifest.js';
import type { Wanted } from '../../../src/store/store.js';
import {
  jsonContent,
  type MadeImage,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { countingFetches, overriding } from '../../support/openers.js';
import { codesOf, type Reply } from '../../support/registry-server.js';
import { ARM64, useConvertingServer } from './serving-conversions.js';

const {
  ociIndex,
  ociManifest,
  dockerManifestList,
  dockerManifest,
  dockerSchema1Signed: schema1,
} = MEDIA_TYPE;
const S390X: Platform = { os: 'linux', architecture: 's390x' };

describe('conversions for a server of an index', () => {
  const server = useConvertingServer();
  const { served, restart, keep, manifest, converted, image } = server;
  let docker: MadeImage;
  let oci: MadeImage;
  let arm64: MadeImage;

  before(async () => {
    docker = await makeImage({ seed: 'docker', format: 'docker' });
    oci = await makeImage({ seed: 'oci' });
    arm64 = await makeImage({ seed: 'arm64', platform: ARM64 });
  });

  it('are the other form of it, children and all, where only that is accepted', async () => {
    await keep(makeIndex([oci, arm64]), 'oci');
    const list = await converted('oci', dockerManifestList, dockerManifest);
    assert.equal(list.descriptor.mediaType, dockerManifestList);
    const { manifests } = parseManifest(list.bytes, list.descriptor) as ImageIndex;
    assert.deepEqual(
      manifests.map(({ platform }) => platform?.architecture),
      ['amd64', 'arm64'],
    );
    for (const [place, child] of manifests.entries()) {
      const { body, headers } = await manifest(child.digest);
      assert.equal(headers['content-type'], dockerManifest);
      const { config } = parseManifest(body) as ImageManifest;
      assert.equal(config.digest, [oci, arm64][place]?.config.descriptor.digest);
    }
    await keep(makeIndex([docker], { format: 'docker' }), 'docker');
    assert.equal((await converted('docker', ociIndex)).descriptor.mediaType, ociIndex);
  });

  it('are the image of linux/amd64, in what the client accepts of it', async () => {
    await keep(makeIndex([arm64, oci]), 'multi');
    const { digest } = oci.manifest.descriptor;
    assert.equal((await converted('multi', ociManifest, dockerManifest)).descriptor.digest, digest);
    const { mediaType, config } = await image('multi', dockerManifest);
    assert.deepEqual([mediaType, config.digest], [dockerManifest, oci.config.descriptor.digest]);
    const old = JSON.parse((await converted('multi', schema1)).bytes.toString());
    assert.deepEqual([old.name, old.tag, old.architecture], ['app', 'multi', 'amd64']);
  });

  it('are the image of another platform where that was chosen', async () => {
    await restart({ platform: ARM64 });
    await keep(makeIndex([oci, arm64]), 'multi');
    assert.equal(JSON.parse((await converted('multi', schema1)).bytes.toString()).architecture, 'arm64');
    assert.equal((await image('multi', ociManifest)).config.digest, arm64.config.descriptor.digest);
  });

  it('are its only image, whatever it runs on', async () => {
    const { manifest: attestation, all } = makeReferrer(arm64.manifest.descriptor, {
      artifactType: 'application/vnd.in-toto+json',
      payload: '{}',
    });
    const index = jsonContent(ociIndex, {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [
        { ...arm64.manifest.descriptor, platform: ARM64 },
        {
          ...attestation.descriptor,
          platform: { os: 'unknown', architecture: 'unknown' },
          annotations: {
            'vnd.docker.reference.type': 'attestation-manifest',
            'vnd.docker.reference.digest': arm64.manifest.descriptor.digest,
          },
        },
      ],
    });
    await keep({ manifest: index, all: [...arm64.all, ...all, index] }, 'single');
    const { digest } = arm64.manifest.descriptor;
    assert.equal((await converted('single', ociManifest)).descriptor.digest, digest);
  });

  it('are refused where several images could be meant', async () => {
    const s390x = await makeImage({ seed: 's390x', platform: S390X });
    await keep(makeIndex([arm64, s390x]), 'several');
    const reply = await served.ask('/v2/app/manifests/several', { headers: { Accept: dockerManifest } });
    assert.deepEqual([reply.status, codesOf(reply)], [404, ['MANIFEST_UNKNOWN']]);
    assert.match(reply.body.toString(), /not available for linux\/amd64.*linux\/arm64, linux\/s390x/);
    assert.equal(reply.headers.vary, 'Accept');
  });

  it('are refused without reading the index again, until another of its images comes', async () => {
    const s390x = await makeImage({ seed: 's390x', platform: S390X });
    const index = makeIndex([arm64, s390x, oci]);
    const { store } = server;
    const counted = countingFetches(store);
    await restart({}, counted);
    await keep({ ...index, all: [...arm64.all, ...s390x.all, index.manifest] }, 'one', 'two');
    const ask = (tag: string): Promise<Reply> =>
      served.ask(`/v2/app/manifests/${tag}`, { headers: { Accept: ociManifest } });
    for (const tag of ['one', 'two', 'one', 'two']) {
      const reply = await ask(tag);
      assert.equal(reply.status, 404);
      assert.match(reply.body.toString(), new RegExp(`"${tag} is not available for`));
      if (tag === 'one') counted.fetches.length = 0;
      else assert.deepEqual(counted.fetches, []);
    }
    await pushAll(store, oci.all);
    assert.equal((await ask('one')).headers['docker-content-digest'], oci.manifest.descriptor.digest);
  });

  it('pass over children that are not there', async () => {
    const { store } = server;
    const index = makeIndex([oci, arm64, docker]);
    const there = index.all.filter(({ descriptor }) => descriptor !== arm64.manifest.descriptor);
    await keep({ ...index, all: there }, 'sparse');
    const list = await converted('sparse', dockerManifestList);
    const { manifests } = parseManifest(list.bytes, list.descriptor) as ImageIndex;
    assert.deepEqual(
      manifests.map(({ mediaType }) => mediaType),
      [dockerManifest, ociManifest, dockerManifest],
    );
    assert.equal((await image('sparse', dockerManifest)).config.digest, oci.config.descriptor.digest);
    // Nothing but the platform that was pulled when it was saved.
    const two = makeIndex([oci, arm64]);
    await pushAll(store, [two.manifest]);
    const only = overriding(store, {
      resolve: async () => two.manifest.descriptor,
      sizeOf: async (content: Wanted) =>
        content.digest === oci.manifest.descriptor.digest ? undefined : store.sizeOf(content),
    });
    await pushAll(store, arm64.all);
    await restart({}, only);
    const reply = await served.ask('/v2/app/manifests/x', { headers: { Accept: ociManifest } });
    assert.equal(reply.headers['docker-content-digest'], arm64.manifest.descriptor.digest);
  });

  it('are the index itself where it has no image', async () => {
    const note = makeReferrer(docker.manifest.descriptor, { artifactType: 'text/x-note', payload: 'note' });
    const index = jsonContent(ociIndex, {
      schemaVersion: 2,
      mediaType: ociIndex,
      manifests: [note.manifest.descriptor],
    });
    await keep({ manifest: index, all: [...note.all, index] }, 'notes');
    for (const accept of [[], [dockerManifest]])
      assert.ok((await manifest('notes', ...accept)).body.equals(index.bytes));
  });
});
