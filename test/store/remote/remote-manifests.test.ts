import assert from 'node:assert/strict';
import { makeImage, pushAll } from '../../support/images.js';
import { openerOf, readAll } from '../../support/openers.js';
import { LAYER, REPOSITORY, useRemoteStores } from './pushing.js';

const { startRegistry, startProxy, open } = useRemoteStores();

describe('a push of a manifest to a registry', () => {
  it('keeps digest and bytes, and its tag is put with the bytes of the push', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'an image' });
    const store = open(registry.host);
    await pushAll(store, image.all);
    const before = registry.requests.length;
    await store.tag(image.manifest.descriptor, '1.2');
    assert.deepEqual(registry.requests.slice(before), [`PUT /v2/${REPOSITORY}/manifests/1.2`]);
    assert.equal(registry.headers.at(-1)?.['content-type'], image.manifest.descriptor.mediaType);
    const held = registry.repository(REPOSITORY);
    assert.ok((await readAll(held, await held.resolve('1.2'))).equals(image.manifest.bytes));
  });

  it('that another run made is fetched to be tagged', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'an image' });
    await pushAll(open(registry.host), image.all);
    await open(registry.host).tag(image.manifest.descriptor, '1.2');
    const held = await registry.repository(REPOSITORY).resolve('1.2');
    assert.equal(held.digest, image.manifest.descriptor.digest);
  });

  it('puts a tag again after a failure that may pass', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'an image' });
    const proxy = await startProxy(registry, ({ method, path, count }) =>
      method === 'PUT' && path.endsWith('/1.2') && count < 6 ? { answer: { status: 503 } } : undefined,
    );
    const store = open(proxy.host);
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, '1.2');
    const held = await registry.repository(REPOSITORY).resolve('1.2');
    assert.equal(held.digest, image.manifest.descriptor.digest);
  });

  it('is refused by our own check before it is sent', async () => {
    const registry = await startRegistry();
    const { manifest } = await makeImage({ seed: 'an image' });
    const wrong = Buffer.from(manifest.bytes.toString().replace('2', '3'));
    await assert.rejects(open(registry.host).push(manifest.descriptor, openerOf(wrong)), {
      code: 'DIGEST_MISMATCH',
    });
    assert.deepEqual(registry.requests, []);
  });

  it('does not pass when the registry keeps it as something else', async () => {
    const registry = await startRegistry({
      refuse: ({ method, url }) =>
        method === 'PUT' && url?.includes('/manifests/')
          ? { status: 201, headers: { 'docker-content-digest': LAYER.descriptor.digest } }
          : undefined,
    });
    const { manifest } = await makeImage({ seed: 'an image' });
    await assert.rejects(open(registry.host).push(manifest.descriptor, openerOf(manifest.bytes)), {
      code: 'REGISTRY',
      message: new RegExp(`keeps the manifest ${manifest.descriptor.digest} as ${LAYER.descriptor.digest}`),
    });
  });
});
