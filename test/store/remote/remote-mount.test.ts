import assert from 'node:assert/strict';
import { has } from '../../../src/store/store.js';
import { openerOf } from '../../support/openers.js';
import { BIG, LAYER, useRemoteStores } from './pushing.js';

const { startRegistry, open } = useRemoteStores();

describe('a mount', () => {
  it('takes a blob from another repository without sending it', async () => {
    const registry = await startRegistry();
    await open(registry.host, {}, 'base').push(LAYER.descriptor, openerOf(LAYER.bytes));
    const store = open(registry.host);
    assert.equal(await store.mount(LAYER.descriptor, 'base'), true);
    assert.equal(await has(store, LAYER.descriptor), true);
    const opener = openerOf(LAYER.bytes);
    await store.push(LAYER.descriptor, opener);
    assert.deepEqual(opener.starts, []);
  });

  it('that the registry would rather have as an upload becomes that upload', async () => {
    const registry = await startRegistry({ mounts: false });
    const store = open(registry.host);
    assert.equal(await store.mount(LAYER.descriptor, 'base'), false);
    await store.push(LAYER.descriptor, openerOf(LAYER.bytes));
    assert.deepEqual(
      registry.requests.map((line) => line.split('/')[0]?.trim()),
      ['POST', 'PUT'],
    );
  });

  for (const status of [400, 401, 403, 404, 405]) {
    it(`that is refused with ${status} is not asked for again, and the blob is sent`, async () => {
      const registry = await startRegistry({
        refuse: ({ url }) => (url?.includes('mount=') ? { status } : undefined),
      });
      const store = open(registry.host);
      assert.equal(await store.mount(LAYER.descriptor, 'base'), false);
      const asked = registry.requests.length;
      assert.equal(await store.mount(BIG.descriptor, 'base'), false);
      assert.equal(registry.requests.length, asked);
      await store.push(LAYER.descriptor, openerOf(LAYER.bytes));
      assert.equal(await has(store, LAYER.descriptor), true);
    });
  }
});
