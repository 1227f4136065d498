import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { signedPayload, verifySchema1Signatures } from '../../../src/manifest/schema1/signature.js';
import { createConversions } from '../../../src/operations/serve/conversion.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { type Content, contentOf, type MadeImage, makeImage, pushAll } from '../../support/images.js';
import { createMemoryRepositories } from '../../support/memory-repositories.js';
import { countingFetches, overriding } from '../../support/openers.js';
import { serve } from '../../support/registry-server.js';
import { useConvertingServer } from './serving-conversions.js';

const {
  ociIndex,
  ociManifest,
  dockerManifest,
  dockerSchema1: unsigned,
  dockerSchema1Signed: schema1,
} = MEDIA_TYPE;

describe('conversions for a server of schema1', () => {
  const server = useConvertingServer();
  const { served, warnings, restart, keep, manifest, converted, image, blob } = server;
  let docker: MadeImage;
  let old: Content;

  before(async () => {
    docker = await makeImage({ seed: 'docker', format: 'docker' });
  });
  beforeEach(async () => {
    await keep(docker, '1');
    const { bytes, descriptor } = await converted('1', schema1);
    old = { bytes, descriptor: { ...descriptor, size: bytes.byteLength } };
    const store = createMemoryStore();
    server.store = store;
    await pushAll(store, [...docker.layers, old]);
    await store.tag(old.descriptor, '1');
    await restart();
  });

  it('are its stored bytes for a client that knows no better', async () => {
    for (const accept of [[], ['*/*'], [schema1, unsigned], [ociIndex]])
      assert.ok((await manifest('1', ...accept)).body.equals(old.bytes));
  });

  it('are schema2 with the same layers for newer clients, and OCI where only that is accepted', async () => {
    const { rootfs } = JSON.parse(docker.config.bytes.toString());
    for (const accept of [[ociManifest, dockerManifest, schema1], [dockerManifest], [ociManifest]]) {
      const { mediaType, config, layers } = await image('1', ...accept);
      assert.equal(mediaType, accept.includes(dockerManifest) ? dockerManifest : ociManifest);
      assert.deepEqual(
        layers.map(({ digest, size }) => ({ digest, size })),
        docker.layers.map(({ descriptor: { digest, size } }) => ({ digest, size })),
      );
      assert.deepEqual(JSON.parse((await blob(config.digest)).toString()).rootfs, rootfs);
      assert.ok((await manifest(old.descriptor.digest, ...accept)).body.equals(old.bytes));
    }
  });

  it('are not said to be there to a client that is about to push what names their blobs', async () => {
    const { store, conversions } = server;
    const { config } = await image('1', dockerManifest);
    const path = `/v2/app/blobs/${config.digest}`;
    assert.equal((await served.ask(path, { method: 'HEAD' })).status, 200);
    const writable = { repositories: createMemoryRepositories() };
    const writing = await serve({ app: store }, { conversions, writable });
    assert.equal((await writing.ask(path)).status, 200);
    assert.equal((await writing.ask(path, { method: 'HEAD' })).status, 404);
    await writing.close();
  });

  it('read each layer once, however many clients ask for whatever form, and whatever was forgotten', async () => {
    const counted = countingFetches(server.store);
    await restart({ keptBytes: 0 }, counted);
    const asks = Array.from({ length: 8 }, () => image('1', dockerManifest));
    const [first, ...others] = await Promise.all(asks);
    for (const other of others) assert.deepEqual(other, first);
    await image('1', ociManifest);
    const layers = new Set<string>(docker.layers.map(({ descriptor }) => descriptor.digest));
    const reads = counted.fetches.filter(({ digest }) => layers.has(digest));
    assert.equal(reads.length, layers.size);
  });

  it('are given up when the server closes, and when the last client that waits leaves', async () => {
    const { store, conversions } = server;
    let isReading: (() => void) | undefined;
    let ended = 0;
    const reading = new Promise<void>((resolve) => {
      isReading = resolve;
    });
    const layers = new Set<string>(docker.layers.map(({ descriptor }) => descriptor.digest));
    const stuck = overriding(store, {
      fetch: async (...[descriptor, options]: Parameters<Source['fetch']>) => {
        if (!layers.has(descriptor.digest)) return store.fetch(descriptor, options);
        isReading?.();
        const endless = new Readable({ read() {} });
        options?.signal?.addEventListener('abort', () => {
          ended += 1;
          endless.destroy(new Error('aborted'));
        });
        return endless;
      },
    });
    const tagged = { repository: 'app', tag: '1', descriptor: old.descriptor };
    const leaving = new AbortController();
    const left = conversions.convert(stuck, tagged, [dockerManifest], { signal: leaving.signal });
    const waiting = conversions.convert(stuck, tagged, [dockerManifest]);
    await reading;
    leaving.abort();
    await assert.rejects(left, { name: 'AbortError' });
    assert.equal(await Promise.race([waiting, Promise.resolve('waiting')]), 'waiting');
    assert.equal(ended, 0);
    await Promise.all([conversions.close(), assert.rejects(waiting)]);
    assert.ok(ended > 0);
    await assert.rejects(conversions.convert(store, tagged, [dockerManifest]), { code: 'ABORTED' });
  });

  it('are its stored bytes where a layer is missing or is none, and schema2 once it is there', async () => {
    const [layer] = docker.layers;
    assert.ok(layer !== undefined);
    const store = createMemoryStore();
    server.store = store;
    await keep({ manifest: old, all: [old] }, '1');
    await restart();
    assert.ok((await manifest('1', dockerManifest)).body.equals(old.bytes));
    assert.match(warnings.join(), /^app:1 is not served as .*v2\+json: sha256:[^,]*$/);
    await pushAll(store, docker.layers);
    assert.equal((await image('1', dockerManifest)).mediaType, dockerManifest);

    const noTar = overriding(store, { fetch: async () => Readable.from([Buffer.from('no tar')]) });
    const options = { repository: 'app', tag: '1', descriptor: old.descriptor };
    const fresh = createConversions();
    assert.equal(await fresh.convert(noTar, options, [dockerManifest]), undefined);
  });

  it('are signed where it was not, under the same digest', async () => {
    const payload = signedPayload(old.bytes);
    assert.ok(payload);
    server.store = createMemoryStore(); // which keeps one of two documents under one digest
    await restart();
    const manifestOnly = contentOf(unsigned, payload);
    await keep({ manifest: manifestOnly, all: [...docker.layers, manifestOnly] }, 'unsigned');
    assert.ok((await manifest('unsigned', unsigned)).body.equals(payload));
    const { headers, body } = await manifest('unsigned', schema1);
    assert.deepEqual(
      [headers['content-type'], headers['docker-content-digest']],
      [schema1, digestOf(payload)],
    );
    assert.equal(verifySchema1Signatures(body).length, 1);
  });
});
