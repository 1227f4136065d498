import assert from 'node:assert/strict';
import type { Digest } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { type ImageIndex, type ImageManifest, parseManifest } from '../../../src/manifest/manifest.js';
import {
  type Content,
  contentOf,
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
} from '../../support/images.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';
import { ARM64, useConvertingServer } from './serving-conversions.js';

const { dockerManifestList, dockerManifest, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

describe('conversions for a server in a registry that takes pushes', () => {
  const server = useConvertingServer();
  let docker: MadeImage;
  let oci: MadeImage;
  let arm64: MadeImage;
  let writing: WritableServed;

  before(async () => {
    docker = await makeImage({ seed: 'docker', format: 'docker' });
    oci = await makeImage({ seed: 'oci' });
    arm64 = await makeImage({ seed: 'arm64', platform: ARM64 });
  });
  beforeEach(async () => {
    writing = await serveWritable({}, { conversions: server.conversions });
  });
  afterEach(() => writing.close());

  const path = (reference: string): string => `/v2/a/manifests/${reference}`;
  const statusOf = async (reference: string): Promise<number> => (await writing.ask(path(reference))).status;
  const deleted = async ({ manifest }: MadeImage | MadeIndex): Promise<void> => {
    const reply = await writing.ask(path(manifest.descriptor.digest), { method: 'DELETE' });
    assert.equal(reply.status, 202);
  };
  const convertedAs = async (tag: string, mediaType: string): Promise<Content> => {
    const { body, headers } = await writing.ask(path(tag), { headers: { Accept: mediaType } });
    assert.equal(headers['content-type'], mediaType);
    return contentOf(mediaType, body);
  };
  const childrenOf = ({ bytes, descriptor }: Content): Digest[] =>
    (parseManifest(bytes, descriptor) as ImageIndex).manifests.map(({ digest }) => digest);

  it('are gone with the image when it is deleted, and come again with it', async () => {
    await writing.pushAll(oci.all);
    await writing.pushManifest(oci.manifest, '1');
    const { digest } = (await convertedAs('1', dockerManifest)).descriptor;
    assert.equal(await statusOf(digest), 200);
    await deleted(oci);
    assert.equal(await statusOf(digest), 404);
    await writing.pushManifest(oci.manifest, '1');
    assert.equal(await statusOf(digest), 404, 'nobody has asked for it');
    assert.equal((await convertedAs('1', dockerManifest)).descriptor.digest, digest);
    assert.equal(await statusOf(digest), 200);
  });

  it('are gone with a child of an index, and with the index', async () => {
    const index = makeIndex([oci, arm64]);
    await writing.pushAll(index.all);
    await writing.pushManifest(index.manifest, '1');
    const list = await convertedAs('1', dockerManifestList);
    const [ofFirst = '', ofSecond = ''] = childrenOf(list);
    await deleted(arm64);
    assert.deepEqual([await statusOf(ofFirst), await statusOf(ofSecond)], [200, 404]);
    await deleted(index);
    for (const digest of [list.descriptor.digest, ofFirst]) assert.equal(await statusOf(digest), 404);
  });

  it('are stored when an index is pushed that names them: HEAD has said that they are there', async () => {
    const index = makeIndex([oci, arm64]);
    await writing.pushAll(index.all);
    await writing.pushManifest(index.manifest, '1');
    const list = await convertedAs('1', dockerManifestList);
    for (const child of childrenOf(list))
      assert.equal((await writing.ask(path(child), { method: 'HEAD' })).status, 200);
    assert.equal((await writing.pushManifest(list, 'list')).status, 201);
    for (const image of [index, oci, arm64]) await deleted(image);
    assert.equal(await statusOf('list'), 200);
    for (const child of childrenOf(list)) assert.equal(await statusOf(child), 200);
  });

  it('are stored with their config when one is given another tag of its repository', async () => {
    await writing.pushAll(docker.all);
    await writing.pushManifest(docker.manifest, '1');
    const signed = await writing.ask(path('1'), { headers: { Accept: schema1 } });
    const old = { ...docker.manifest, bytes: signed.body };
    old.descriptor = { ...old.descriptor, mediaType: schema1 };
    assert.equal((await writing.pushManifest(old, 'old')).status, 201);
    const made = await convertedAs('old', dockerManifest);
    const { config } = parseManifest(made.bytes, made.descriptor) as ImageManifest;
    const hasConfig = async (): Promise<number> =>
      (await writing.ask(`/v2/a/blobs/${config.digest}`, { method: 'HEAD' })).status;
    assert.equal(await hasConfig(), 404);
    assert.equal(
      (await writing.pushManifest(made, 'new', 'b')).status,
      400,
      'it was made in another repository',
    );
    assert.equal((await writing.pushManifest(made, 'new')).status, 201);
    assert.equal(await hasConfig(), 200);
  });

  it('stay where the same is made of another image', async () => {
    const [both, one] = [makeIndex([oci, arm64]), makeIndex([oci])];
    await writing.pushAll([...both.all, one.manifest]);
    await writing.pushManifest(both.manifest, 'both');
    await writing.pushManifest(one.manifest, 'one');
    const [child = ''] = childrenOf(await convertedAs('both', dockerManifestList));
    assert.deepEqual(childrenOf(await convertedAs('one', dockerManifestList)), [child]);
    await deleted(one);
    await convertedAs('both', dockerManifestList);
    assert.equal(await statusOf(child), 200);
  });
});
