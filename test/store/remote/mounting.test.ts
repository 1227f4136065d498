import assert from 'node:assert/strict';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createRegistryClient } from '../../../src/registry/client.js';
import { createKnownBlobs, type KnownBlobs, mountingStore } from '../../../src/store/remote/mounting.js';
import { createRemoteStore } from '../../../src/store/remote/remote.js';
import { has, type Store } from '../../../src/store/store.js';
import { nth, startFaultProxy } from '../../support/fault-proxy.js';
import { type Content, contentOf, randomBytesFrom } from '../../support/images.js';
import { openerOf } from '../../support/openers.js';
import {
  startUploadRegistry,
  type UploadRegistry,
  type UploadRegistryOptions,
} from '../../support/upload-registry.js';

const LARGE = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a large layer', 300_000));
const SMALL = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a small layer', 3_000));

describe('a repository that takes blobs from others of its registry', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function startRegistry(options?: UploadRegistryOptions): Promise<UploadRegistry> {
    const registry = await startUploadRegistry(options);
    closing.push(registry.close);
    return registry;
  }
  /** Repositories of one run. */
  function openAt(host: string, known: KnownBlobs = createKnownBlobs()): (repository: string) => Store {
    const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {} });
    closing.push(() => client.close());
    return (repository) =>
      mountingStore(createRemoteStore(client, { registry: host, repository }), repository, known);
  }
  /** As a copy does it; whether the blob was pushed. */
  async function copyTo(store: Store, { descriptor, bytes }: Content): Promise<boolean> {
    if (await has(store, descriptor)) return false;
    await store.push(descriptor, openerOf(bytes));
    return true;
  }
  /** What a repository was asked, shortened to what tells the requests apart. */
  function requestsOf({ requests }: UploadRegistry, repository: string): string[] {
    return requests
      .filter((line) => line.includes(`/v2/${repository}/`))
      .map((line) => `${line.split(' ')[0]}${line.includes('?mount=') ? ' mount' : ''}`);
  }

  it('asks for a blob in one repository only, when it was new there', async () => {
    const registry = await startRegistry();
    const known = createKnownBlobs();
    const open = openAt(registry.host, known);
    await Promise.all(['a', 'b', 'c'].map((name) => copyTo(open(name), LARGE)));
    await copyTo(open('d'), LARGE);
    assert.deepEqual(requestsOf(registry, 'a'), ['HEAD', 'POST', 'PUT']);
    assert.deepEqual(requestsOf(registry, 'd'), ['POST mount']);
    assert.equal(registry.requests.filter((line) => line.startsWith('PUT')).length, 1);
    assert.equal(
      [...known.unsent.values()].reduce((sum, { mounted }) => sum + mounted, 0),
      3,
    );
    for (const name of ['a', 'b', 'c', 'd'])
      assert.equal(await has(registry.repository(name), LARGE.descriptor), true);
  });

  for (const [what, answer] of [
    ['503', { status: 503 }],
    ['429', { status: 429 }],
    ['408', { status: 408 }],
    ['a reset', 'reset'],
  ] as const) {
    it(`sends the blob where a mount fails, once each time: ${what}`, async () => {
      const registry = await startRegistry({
        refuse: (request) => (request.url?.includes('mount=') ? answer : undefined),
      });
      const open = openAt(registry.host);
      await copyTo(open('a'), LARGE);
      const b = open('b');
      await assert.rejects(copyTo(b, LARGE));
      // What a copy does after a failure that may pass.
      await b.push(LARGE.descriptor, openerOf(LARGE.bytes));
      assert.equal(await has(registry.repository('b'), LARGE.descriptor), true);
      assert.deepEqual(requestsOf(registry, 'b'), ['POST mount', 'HEAD', 'POST', 'PUT']);
    });
  }

  it('looks for the blob where the answer to a mount was lost, and sends nothing', async () => {
    const registry = await startRegistry();
    const proxy = await startFaultProxy(registry.host, ({ path }) =>
      path.includes('mount=') ? { cutAnswerAfter: 0 } : undefined,
    );
    closing.push(() => proxy.stop());
    const open = openAt(proxy.host);
    await copyTo(open('a'), LARGE);
    const b = open('b');
    await assert.rejects(copyTo(b, LARGE));
    await b.push(LARGE.descriptor, openerOf(LARGE.bytes));
    assert.deepEqual(requestsOf(registry, 'b'), ['POST mount', 'HEAD']);
  });

  it('asks in each for a blob that it found in one', async () => {
    const registry = await startRegistry();
    const earlier = openAt(registry.host);
    for (const name of ['a', 'b']) await copyTo(earlier(name), LARGE);
    registry.requests.length = 0;
    const open = openAt(registry.host);
    for (const name of ['a', 'b']) assert.equal(await copyTo(open(name), LARGE), false);
    assert.deepEqual(
      registry.requests.map((line) => line.split(' ')[0]),
      ['HEAD', 'HEAD'],
    );
  });

  it('sends nothing that is there although the registry does not mount', async () => {
    const registry = await startRegistry({ mounts: false });
    await copyTo(openAt(registry.host)('b'), LARGE);
    const known = createKnownBlobs();
    const open = openAt(registry.host, known);
    await copyTo(open('a'), LARGE);
    registry.requests.length = 0;
    await copyTo(open('b'), LARGE);
    assert.deepEqual(requestsOf(registry, 'b'), ['POST mount', 'HEAD']);
    assert.deepEqual(known.unsent.get('b'), { mounted: 0, present: 1 });
    await copyTo(open('c'), LARGE);
    assert.deepEqual(requestsOf(registry, 'c'), ['HEAD', 'POST mount', 'PUT']);
  });

  it('asks for a small blob and begins its upload at once, where the registry mounts', async () => {
    const registry = await startRegistry();
    const open = openAt(registry.host);
    for (const name of ['a', 'b']) await copyTo(open(name), LARGE);
    registry.requests.length = 0;
    assert.equal(await copyTo(open('b'), SMALL), true);
    assert.deepEqual(requestsOf(registry, 'b'), ['POST mount', 'PUT']);
    const again = createKnownBlobs();
    again.mounts = true;
    assert.equal(await copyTo(openAt(registry.host, again)('b'), SMALL), false);
    assert.deepEqual(registry.pending(), []);
  });

  it('begins no upload of what it is about to mount', async () => {
    const registry = await startRegistry();
    await copyTo(openAt(registry.host)('a'), SMALL);
    const known = createKnownBlobs();
    const open = openAt(registry.host, known);
    known.mounts = true;
    assert.equal(await copyTo(open('a'), SMALL), false);
    registry.requests.length = 0;
    assert.equal(await copyTo(open('b'), SMALL), true);
    assert.deepEqual(requestsOf(registry, 'b'), ['HEAD', 'POST mount']);
    const fromOrigin = createKnownBlobs('a');
    fromOrigin.mounts = true;
    assert.equal(await copyTo(openAt(registry.host, fromOrigin)('c'), SMALL), true);
    assert.deepEqual(requestsOf(registry, 'c'), ['HEAD', 'POST mount']);
    assert.deepEqual(registry.pending(), []);
  });

  for (const status of [405, 500]) {
    it(`asks as usual where a mount from the same repository is answered with ${status}`, async () => {
      const registry = await startRegistry({
        refuse: ({ url }) => (/^\/v2\/b\/.*from=b/.test(url ?? '') ? { status } : undefined),
      });
      const open = openAt(registry.host);
      for (const name of ['a', 'b']) await copyTo(open(name), LARGE);
      registry.requests.length = 0;
      assert.equal(await copyTo(open('b'), SMALL), true);
      assert.deepEqual(requestsOf(registry, 'b'), ['POST mount', 'HEAD', 'POST', 'PUT']);
      assert.equal(await copyTo(open('c'), SMALL), true);
      assert.deepEqual(requestsOf(registry, 'c').slice(0, 1), ['HEAD']);
    });
  }

  it('is sent by the next of those that waited for one that failed', async () => {
    const registry = await startRegistry();
    const proxy = await startFaultProxy(registry.host, nth('PUT', 1, { cutRequestAfter: 100_000 }));
    closing.push(proxy.stop);
    const open = openAt(proxy.host);
    const names = ['a', 'b', 'c'];
    const results = await Promise.allSettled(names.map((name) => copyTo(open(name), LARGE)));
    assert.equal(results.filter(({ status }) => status === 'rejected').length, 1);
    const sent = registry.requests.filter((line) => line.startsWith('PUT')).length;
    assert.equal(sent, 2);
    assert.equal(requestsOf(registry, 'c').at(-1), 'POST mount');
  });

  it('goes on with an upload that was cut off, in place of another mount', async () => {
    const registry = await startRegistry({ mounts: false });
    const proxy = await startFaultProxy(registry.host, nth('PUT', 2, { cutRequestAfter: 100_000 }));
    closing.push(proxy.stop);
    const open = openAt(proxy.host);
    await copyTo(open('a'), LARGE);
    const store = open('b');
    const opener = openerOf(LARGE.bytes);
    assert.equal(await has(store, LARGE.descriptor), false);
    await assert.rejects(store.push(LARGE.descriptor, opener), { code: 'CUT_SHORT' });
    const [kept] = registry.pending();
    await store.push(LARGE.descriptor, opener);
    assert.deepEqual(opener.starts, [0, kept]);
    assert.equal(requestsOf(registry, 'b').filter((line) => line === 'POST mount').length, 1);
  });
});
