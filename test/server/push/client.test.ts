import assert from 'node:assert/strict';
import { createRegistryClient, type UploadSession } from '../../../src/registry/client.js';
import type { WritableOptions } from '../../../src/server/push/push.js';
import type { RegistryServerOptions } from '../../../src/server/server.js';
import { createRemoteStore } from '../../../src/store/remote/remote.js';
import { type Fault, nth, startFaultProxy } from '../../support/fault-proxy.js';
import {
  contentOf,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
  randomBytesFrom,
} from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import { serveWritable, type WritableServed } from '../../support/writable-server.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('from our client', 1_000_000));
const { digest } = blob.descriptor;
const closing: (() => Promise<void>)[] = [];

async function start(
  options?: Partial<WritableOptions>,
  onRequest?: RegistryServerOptions['onRequest'],
): Promise<WritableServed> {
  const served = await serveWritable(options, onRequest && { onRequest });
  closing.push(served.close);
  return served;
}

function connect() {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {} });
  closing.push(() => client.close());
  return client;
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe("our own registry client's pushes", () => {
  async function assertStored(served: WritableServed): Promise<void> {
    assert.deepEqual((await served.ask(`/v2/a/blobs/${digest}`)).body, blob.bytes);
  }

  const modes: [how: string, server: Partial<WritableOptions>, chunkBytes: number | undefined][] = [
    ['whole', {}, undefined],
    ['in pieces', {}, 300_000],
    ['in the pieces that the server wants', { chunkMinBytes: 250_000 }, 1000],
  ];
  for (const [how, options, chunkBytes] of modes) {
    it(`bring a blob ${how}`, async () => {
      const served = await start(options);
      const name = { registry: served.registry, repository: 'a' };
      await connect().uploadBlob(name, blob.descriptor, openerOf(blob.bytes), { chunkBytes });
      await assertStored(served);
    });
  }

  const faults: [what: string, fault: Fault][] = [
    ['while a piece is sent', { cutRequestAfter: 100_000 }],
    ['before the answer to a piece', { cutAnswerAfter: 0 }],
  ];
  for (const [what, fault] of faults) {
    it(`go on where they were cut ${what}`, async () => {
      let patches = 0;
      let noticed: () => void = () => {};
      const cut = new Promise<void>((resolve) => {
        noticed = resolve;
      });
      const served = await start({}, ({ method }) => {
        if (method === 'PATCH' && ++patches === 2) noticed();
      });
      const proxy = await startFaultProxy(served.registry, nth('PATCH', 2, fault));
      closing.push(proxy.stop);
      const client = connect();
      const name = { registry: proxy.host, repository: 'a' };
      let session: UploadSession | undefined;
      const push = () =>
        client.uploadBlob(name, blob.descriptor, openerOf(blob.bytes), {
          chunkBytes: 300_000,
          session,
          onSession: (state) => {
            session = state;
          },
        });
      await assert.rejects(push(), { code: 'CUT_SHORT' });
      await cut; // until the server notices it too, the upload is in use
      await push();
      await assertStored(served);
      const starts = proxy.passed.filter(({ method }) => method === 'POST');
      assert.equal(starts.length, 1);
    });
  }

  it('are told of damage', async () => {
    const served = await start();
    const name = { registry: served.registry, repository: 'a' };
    const damaged = Buffer.from(blob.bytes).fill(0, 10, 20);
    await assert.rejects(connect().uploadBlob(name, blob.descriptor, openerOf(damaged)), {
      code: 'DIGEST_MISMATCH',
    });
    assert.equal((await served.ask(`/v2/a/blobs/${digest}`)).status, 404);
  });

  it('mount blobs of another repository', async () => {
    const served = await start();
    await served.pushBlob(blob, 'b');
    const name = { registry: served.registry, repository: 'a' };
    const client = connect();
    assert.deepEqual(await client.mountBlob(name, digest, 'b'), { type: 'mounted' });
    await assertStored(served);
    const missed = await client.mountBlob(name, contentOf('', Buffer.from('x')).descriptor.digest, 'b');
    assert.equal(missed.type, 'started');
  });

  it('bring an index with what is attached, which is found again without a fallback tag', async () => {
    const served = await start();
    const client = connect();
    const store = createRemoteStore(client, { registry: served.registry, repository: 'some/where' });
    const image = await makeImage({ seed: 1 });
    const index = makeIndex([image]);
    const referrer = makeReferrer(index.manifest.descriptor, {
      artifactType: 'text/x-note',
      payload: 'x',
      annotations: { about: 'it' },
    });
    await pushAll(store, [...index.all, ...referrer.all]);
    await store.tag(index.manifest.descriptor, 'v1');
    assert.deepEqual((await served.ask('/v2/some/where/manifests/v1')).body, index.manifest.bytes);
    const found = [];
    for await (const each of store.referrers(index.manifest.descriptor)) found.push(each);
    assert.deepEqual(found, [
      {
        descriptor: {
          ...referrer.manifest.descriptor,
          artifactType: 'text/x-note',
          annotations: { about: 'it' },
        },
      },
    ]);
    const tags = JSON.parse((await served.ask('/v2/some/where/tags/list')).body.toString()).tags;
    assert.deepEqual(tags, ['v1']);
  });

  it('of the same image at once leave one image', async () => {
    const served = await start();
    const image = await makeImage({ seed: 2, layers: [100_000, 200_000] });
    await Promise.all(
      Array.from({ length: 4 }, async (_, position) => {
        const store = createRemoteStore(connect(), { registry: served.registry, repository: 'a' });
        await pushAll(store, image.all);
        await store.tag(image.manifest.descriptor, `v${position}`);
      }),
    );
    for (const { bytes, descriptor } of image.layers)
      assert.deepEqual((await served.ask(`/v2/a/blobs/${descriptor.digest}`)).body, bytes);
    const tags = JSON.parse((await served.ask('/v2/a/tags/list')).body.toString()).tags;
    assert.deepEqual(tags, ['v0', 'v1', 'v2', 'v3']);
  });
});
