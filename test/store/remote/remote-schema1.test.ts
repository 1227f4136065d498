import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createSigningKey, signSchema1 } from '../../../src/manifest/convert/sign-schema1.js';
import { manifestDigest } from '../../../src/manifest/manifest.js';
import { createRegistryClient } from '../../../src/registry/client.js';
import { createRemoteStore } from '../../../src/store/remote/remote.js';
import { has } from '../../../src/store/store.js';
import { openerOf } from '../../support/openers.js';
import { startUploadRegistry } from '../../support/upload-registry.js';

const NAME = 'some/repository';
const V1_IMAGE = { id: '0'.repeat(64), created: '2013-11-21T02:05:56Z' };
const PAYLOAD = Buffer.from(
  JSON.stringify({
    schemaVersion: 1,
    name: NAME,
    tag: '1',
    architecture: 'amd64',
    fsLayers: [{ blobSum: `sha256:${'a3'.repeat(32)}` }],
    history: [{ v1Compatibility: JSON.stringify(V1_IMAGE) }],
  }),
);
const MINE = describeSigned(createSigningKey('RS256'));
const THEIRS = describeSigned(createSigningKey());

function describeSigned(key: Parameters<typeof signSchema1>[1]) {
  const bytes = signSchema1(PAYLOAD, key);
  const mediaType = MEDIA_TYPE.dockerSchema1Signed;
  return { bytes, descriptor: { mediaType, digest: manifestDigest(bytes, mediaType), size: bytes.length } };
}

describe('a schema1 manifest at a registry that signs it with its own key', () => {
  let registry: Awaited<ReturnType<typeof startUploadRegistry>>;
  let client: ReturnType<typeof createRegistryClient>;

  beforeEach(async () => {
    registry = await startUploadRegistry();
    client = createRegistryClient({ plainHTTP: true, environment: {} });
    await registry.repository(NAME).push(THEIRS.descriptor, openerOf(THEIRS.bytes));
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
  });

  it('is there under its digest, though it has another size', async () => {
    assert.equal(MINE.descriptor.digest, THEIRS.descriptor.digest);
    assert.notEqual(MINE.descriptor.size, THEIRS.descriptor.size);
    const store = createRemoteStore(client, { registry: registry.host, repository: NAME });
    assert.equal(await has(store, MINE.descriptor), true);
    const digest = `sha256:${'0'.repeat(64)}` as const;
    assert.equal(await has(store, { ...MINE.descriptor, digest }), false);
  });

  it('is tagged as it is there', async () => {
    const store = createRemoteStore(client, { registry: registry.host, repository: NAME });
    await store.tag(MINE.descriptor, '1');
    const { digest } = await registry.repository(NAME).resolve('1');
    assert.equal(digest, MINE.descriptor.digest);
  });
});
