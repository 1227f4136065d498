import assert from 'node:assert/strict';
import { join } from 'node:path';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { referrersTag } from '../../src/content/names.js';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/client.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createRemoteStore, type RemoteStoreOptions } from '../../src/store/remote/remote.js';
import { createUploadSessions } from '../../src/store/remote/upload-sessions.js';
import { has, type Store } from '../../src/store/store.js';
import { copyGraph } from '../../src/transfer/copy.js';
import { type Fault, type FaultProxy, maxBody, nth, startFaultProxy } from '../support/fault-proxy.js';
import {
  contentOf,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
  randomBytesFrom,
} from '../support/images.js';
import { needs } from '../support/needs.js';
import { openerOf, readAll } from '../support/openers.js';
import { planCopy } from '../support/plan.js';
import { type DockerRegistry, startDockerRegistry } from '../support/programs/docker-registry.js';
import { documentOf, getManifest } from '../support/programs/registry-content.js';
import { skopeo } from '../support/programs/skopeo.js';
import { atEnd, temporaryFolder } from '../support/programs/workplace.js';
import { signedSchema1 } from '../support/signed-schema1.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';

const MB = 1_000_000;
let registry: DockerRegistry;
let repositories = 0;

before(async function () {
  needs(this, 'docker-registry');
  registry = await startDockerRegistry({ schema1: true });
});

function connect(options: RegistryClientOptions = {}) {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {}, ...options });
  atEnd(() => client.close());
  return client;
}

/** A new repository, seen through `host`. */
function openNew(host = registry.host, options?: RemoteStoreOptions) {
  repositories += 1;
  const name = { registry: host, repository: `push/${repositories}` };
  return { name, store: createRemoteStore(connect(), name, options) };
}

async function proxied(faultFor: FaultProxy['faultFor']): Promise<FaultProxy> {
  const proxy = await startFaultProxy(registry.host, faultFor);
  atEnd(proxy.stop);
  return proxy;
}

function blob(seed: string, size: number) {
  return contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom(seed, size));
}

async function assertHeld(store: Store, { descriptor, bytes }: ReturnType<typeof blob>): Promise<void> {
  assert.ok((await readAll(store, descriptor)).equals(bytes));
}

describe('a blob pushed to docker-registry', () => {
  it('arrives whole, in pieces, and when it has no bytes', async () => {
    for (const chunkBytes of [undefined, 3 * MB]) {
      const { store } = openNew(registry.host, { chunkBytes });
      const content = blob(`whole ${chunkBytes}`, 10 * MB);
      await store.push(content.descriptor, openerOf(content.bytes));
      await assertHeld(store, content);
      const empty = contentOf('text/plain', Buffer.alloc(0));
      await store.push(empty.descriptor, openerOf(empty.bytes));
      assert.equal(await has(store, empty.descriptor), true);
    }
  });

  it('may have a digest of sha512', async () => {
    const { store } = openNew();
    const content = blob('sha512', MB);
    const descriptor = { ...content.descriptor, digest: digestOf(content.bytes, 'sha512') };
    await store.push(descriptor, openerOf(content.bytes));
    await assertHeld(store, { ...content, descriptor });
  });

  it('is refused when it was damaged, and taken on another try', async () => {
    const { store } = openNew();
    const content = blob('damaged', MB);
    const wrong = Buffer.from(content.bytes).fill(0, 0, 100);
    await assert.rejects(store.push(content.descriptor, openerOf(wrong)), { code: 'DIGEST_MISMATCH' });
    await store.push(content.descriptor, openerOf(content.bytes));
    await assertHeld(store, content);
  });

  it('is mounted from another repository', async () => {
    const content = blob('mounted', MB);
    const base = openNew();
    await base.store.push(content.descriptor, openerOf(content.bytes));
    const { store } = openNew();
    assert.equal(await store.mount(content.descriptor, base.name.repository), true);
    await assertHeld(store, content);
    const other = blob('not there', MB);
    assert.equal(await store.mount(other.descriptor, base.name.repository), false);
    await store.push(other.descriptor, openerOf(other.bytes));
    await assertHeld(store, other);
  });

  it('goes on in another process after a cut, where a proxy holds requests back until they are whole', async () => {
    const folder = await temporaryFolder('push');
    const proxy = await proxied(nth('PATCH', 3, { isBuffered: true, cutRequestAfter: MB }));
    const uploadSessions = () => createUploadSessions(join(folder, 'uploads.json'));
    const first = openNew(proxy.host, { chunkBytes: 3 * MB, uploadSessions: uploadSessions() });
    const content = blob('resumed', 10 * MB);
    const opener = openerOf(content.bytes);
    await assert.rejects(first.store.push(content.descriptor, opener), { code: 'CUT_SHORT' });
    // As another process would: nothing is left of the first but its file.
    const second = createRemoteStore(connect(), first.name, { uploadSessions: uploadSessions() });
    await second.push(content.descriptor, opener);
    assert.deepEqual(opener.starts, [0, 6 * MB]);
    await assertHeld(second, content);
    assert.equal(proxy.passed.filter(({ method }) => method === 'POST').length, 1);
  });

  it('starts over after a cut that left the registry in between', async () => {
    const proxy = await proxied(nth('PUT', 1, { cutRequestAfter: 3 * MB }));
    const { store } = openNew(proxy.host);
    const content = blob('restarted', 10 * MB);
    const opener = openerOf(content.bytes);
    await assert.rejects(store.push(content.descriptor, opener), { code: 'CUT_SHORT' });
    await store.push(content.descriptor, opener);
    await assertHeld(store, content);
  });

  it('is pushed in pieces through a proxy with a limit', async () => {
    const proxy = await proxied(maxBody(MB));
    const { store } = openNew(proxy.host);
    const content = blob('limited', 5 * MB);
    await store.push(content.descriptor, openerOf(content.bytes));
    await assertHeld(store, content);
  });
});

describe('images copied to docker-registry', () => {
  const faults: [string, () => Fault][] = [
    ['a connection cut in the request', () => ({ cutRequestAfter: 100_000 })],
    ['a connection cut in place of the answer', () => ({ cutAnswerAfter: 0 })],
    ['429 with seconds', () => ({ answer: { status: 429, headers: { 'retry-after': '0' } } })],
    [
      '429 with a date',
      () => ({ answer: { status: 429, headers: { 'retry-after': new Date().toUTCString() } } }),
    ],
    ['500', () => ({ answer: { status: 500 } })],
    ['502 from a proxy', () => ({ answer: { status: 502, body: '<html>Bad Gateway</html>' } })],
    ['503', () => ({ answer: { status: 503 } })],
    ['answers without Docker-Content-Digest', () => ({ dropHeaders: ['docker-content-digest'] })],
    ['a delay', () => ({ delayMs: 100 })],
  ];
  for (const [title, makeFault] of faults) {
    it(`arrive in spite of ${title}, once for each kind of request`, async () => {
      const met = new Set<string>();
      const proxy = await proxied(({ method, path }) => {
        const kind = `${method} ${path.includes('/manifests/') ? 'manifest' : 'blob'}`;
        if (met.has(kind) || (kind === 'HEAD manifest' && title.includes('without'))) return undefined;
        met.add(kind);
        return makeFault();
      });
      const source = createMemoryStore();
      const images = [
        await makeImage({ seed: `${title} 1`, layers: [2 * MB, 1000] }),
        await makeImage({ seed: `${title} 2`, platform: { os: 'linux', architecture: 'arm64' } }),
      ];
      const index = makeIndex(images);
      await pushAll(source, index.all);
      await source.tag(index.manifest.descriptor, '1');
      const { name, store } = openNew(proxy.host);
      const plan = await planCopy([{ source, reference: '1', name: '1' }]);
      await copyGraph(plan, store, { concurrency: 2 });
      const pushed = await getManifest(registry.host, name.repository, '1');
      assert.equal(pushed.digest, index.manifest.descriptor.digest);
      const held = createRemoteStore(connect(), { ...name, registry: registry.host });
      for (const content of index.all) await assertHeld(held, content);
      assert.ok(met.size >= 4, [...met].join());
    });
  }

  it('can be read by skopeo, digests unchanged', async function () {
    needs(this, 'skopeo');
    const { name, store } = openNew();
    const image = await makeImage({ seed: 'for skopeo' });
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, '1');
    const reference = `docker://${name.registry}/${name.repository}:1`;
    const digest = await skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', reference);
    assert.equal(digest, image.manifest.descriptor.digest);
  });

  it('are refused in the registry’s words while something of them is missing', async () => {
    const { store } = openNew();
    for (const { descriptor, bytes } of [
      (await makeImage({ seed: 'incomplete' })).manifest,
      signedSchema1(),
    ]) {
      await assert.rejects(store.push(descriptor, openerOf(bytes)), {
        message: /MANIFEST_BLOB_UNKNOWN: blob unknown to registry/,
        hint: /push the whole image/,
      });
    }
  });

  it('have their referrers listed under the fallback tag, all of those pushed at once', async () => {
    const { name, store } = openNew();
    const image = await makeImage({ seed: 'subject' });
    const notes = ['a', 'b', 'c'].map((payload) =>
      makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload }),
    );
    await pushAll(store, image.all);
    await Promise.all(notes.map(({ all }) => pushAll(store, all)));
    const list = await getManifest(
      registry.host,
      name.repository,
      referrersTag(image.manifest.descriptor.digest),
    );
    assert.deepEqual(
      new Set(documentOf(list.bytes).manifests?.map(({ digest }) => digest)),
      new Set(notes.map(({ manifest }) => manifest.descriptor.digest)),
    );
    const signature = makeCosignSignature(image.manifest.descriptor);
    await pushAll(store, signature.all);
    await store.tag(signature.manifest.descriptor, signature.tag);
    const found: string[] = [];
    for await (const { descriptor } of store.referrers(image.manifest.descriptor))
      found.push(descriptor.digest);
    assert.equal(found.length, 4);
  });
});

describe('a push to docker-registry with tokens', () => {
  let tokens: TokenServer;
  let guarded: DockerRegistry;
  const options = { users: { me: 'secret' }, lifetimeS: 2, toldLifetimeS: 3600 };
  const credentials = async () => ({ username: 'me', password: 'secret', source: 'a test' });

  before(async function () {
    needs(this, 'docker-registry');
    tokens = await startTokenServer(options);
    atEnd(() => tokens.close());
    guarded = await startDockerRegistry({ token: tokens });
  });

  it('goes on with a new token when the old one expires in the middle', async () => {
    const proxy = await startFaultProxy(guarded.host, nth('PATCH', 2, { delayMs: 3500 }));
    atEnd(proxy.stop);
    const client = connect({ credentials });
    const store = createRemoteStore(
      client,
      { registry: proxy.host, repository: 'a/b' },
      { chunkBytes: 3 * MB },
    );
    const content = blob('token', 10 * MB);
    await store.push(content.descriptor, openerOf(content.bytes));
    assert.ok(proxy.passed.some(({ method, status }) => method === 'PATCH' && status === 401));
    assert.equal(proxy.passed.filter(({ method }) => method === 'POST').length, 2);
    await assertHeld(store, content);
  });

  it('mounts with a token for both repositories', async () => {
    const client = connect({ credentials });
    const content = blob('token mount', MB);
    const base = createRemoteStore(client, { registry: guarded.host, repository: 'base' });
    await base.push(content.descriptor, openerOf(content.bytes));
    const store = createRemoteStore(client, { registry: guarded.host, repository: 'mounted' });
    assert.equal(await store.mount(content.descriptor, 'base'), true);
    await assertHeld(store, content);
    assert.ok(tokens.requests.includes('GET repository:base:pull repository:mounted:pull,push'));
  });

  it('is refused in words when the password is wrong', async () => {
    const client = connect({
      credentials: async () => ({ username: 'me', password: 'x', source: 'a test' }),
    });
    const content = blob('refused', 100);
    const store = createRemoteStore(client, { registry: guarded.host, repository: 'a/b' });
    await assert.rejects(store.push(content.descriptor, openerOf(content.bytes)), {
      code: 'UNAUTHORIZED',
      hint: /from a test were refused/,
    });
  });
});
