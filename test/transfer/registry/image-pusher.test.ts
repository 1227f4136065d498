import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { createRegistryClient } from '../../../src/registry/client.js';
import { delegate } from '../../../src/store/delegate.js';
import type { Store } from '../../../src/store/store.js';
import { readImages } from '../../../src/transfer/read-images.js';
import { ImagePusher } from '../../../src/transfer/registry/image-pusher.js';
import { serve } from '../../registry/http-server.js';
import { storeOf } from '../../support/archives.js';
import { type Content, makeImage } from '../../support/images.js';

describe('a push into several repositories', () => {
  it('fails with the reason of the first that fails, not with what that ended for the others', async () => {
    // One repository refuses what is uploaded; the other one never answers for it.
    const registry = await serve((request, response) => {
      const url = request.url ?? '';
      if (request.method === 'HEAD') response.writeHead(404).end();
      else if (request.method === 'POST') response.writeHead(202, { location: `${url}here` }).end();
      else if (url.includes('/bad/')) request.resume().on('end', () => response.writeHead(500).end());
    });
    const client = createRegistryClient({ plainHTTP: true, retries: 0 });
    const names = ['good/app', 'bad/app'];
    const pusher = new ImagePusher(client, { retries: 0 });
    try {
      const images = await Promise.all(
        names.map(async (name) => {
          const made = await makeImage({ seed: name, layers: [100, 200] });
          const source = withSlowLayer(await storeOf({ [name]: made }), made.layers[1]);
          return (await readImages([{ source, reference: name, name }])).images;
        }),
      );
      const placed = images.flat().map((image) => ({
        image,
        destination: { registry: registry.host, repository: image.name, tag: '1' },
      }));
      await assert.rejects(pusher.push(placed), { code: 'REGISTRY', message: /bad\/app: .*500/ });
    } finally {
      await pusher.close();
      await client.close();
      await registry.close();
    }
  });
});

/** The bytes of one layer come late, abort or not: what failed beside it in its repository is then seen last. */
function withSlowLayer(store: Store, slow: Content | undefined): Store {
  return delegate(store, {
    async fetch(descriptor, options) {
      if (descriptor.digest === slow?.descriptor.digest) await delay(200);
      return store.fetch(descriptor, options);
    },
  });
}
