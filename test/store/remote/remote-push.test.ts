import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { referrersTag } from '../../../src/content/referrers-tag.js';
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.js';
import { createRemoteStore, type RemoteStoreOptions } from '../../../src/store/remote/remote.js';
import type { SavedUpload, UploadSessions } from '../../../src/store/remote/upload-sessions.js';
import { type FaultProxy, nth, startFaultProxy } from '../../support/fault-proxy.js';
import { contentOf, makeImage, makeReferrer, pushAll, randomBytesFrom } from '../../support/images.js';
import { brokenOff, openerOf, overriding, readAll } from '../../support/openers.js';
import { useFolder } from '../../support/temporary.js';
import {
  startUploadRegistry,
  type UploadRegistry,
  type UploadRegistryOptions,
} from '../../support/upload-registry.js';
import { describeStore } from '../contract.js';

const REPOSITORY = 'some/repository';
const LAYER = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a layer', 300_000));
const BIG = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('a big layer', 9_000_000));

const closing: (() => Promise<void>)[] = [];

async function startRegistry(options?: UploadRegistryOptions): Promise<UploadRegistry> {
  const registry = await startUploadRegistry(options);
  closing.push(registry.close);
  return registry;
}

async function startProxy(registry: UploadRegistry, faultFor: FaultProxy['faultFor']): Promise<FaultProxy> {
  const proxy = await startFaultProxy(registry.host, faultFor);
  closing.push(proxy.stop);
  return proxy;
}

function open(host: string, options?: RemoteStoreOptions, repository = REPOSITORY) {
  const client = connect();
  return createRemoteStore(client, { registry: host, repository }, options);
}

function connect(): RegistryClient {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {} });
  closing.push(() => client.close());
  return client;
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

for (const listsReferrers of [false, true]) {
  const kind = listsReferrers ? 'that lists referrers' : 'without the referrers API';
  describeStore(`the remote store, over a registry ${kind}`, async () => {
    const registry = await startUploadRegistry({ listsReferrers });
    const client = createRegistryClient({ plainHTTP: true, environment: {} });
    const store = createRemoteStore(client, { registry: registry.host, repository: REPOSITORY });
    const close = async () => {
      await client.close();
      await registry.close();
    };
    // There the list of referrers is a tag like any other, which the contract does not know of.
    const references = async function* (): ReturnType<typeof store.references> {
      for await (const named of store.references()) if (!/^sha256-\w{64}$/.test(named.name)) yield named;
    };
    return { store: overriding(store, listsReferrers ? { close } : { close, references }) };
  });
}

describe('a push of a blob to a registry', () => {
  const path = useFolder();

  it('goes on after a cut from what the registry has, and tells of each byte once', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 100_000 }));
    const store = open(proxy.host);
    let told = 0;
    const onBytes = (bytes: number) => {
      told += bytes;
    };
    const opener = openerOf(LAYER.bytes);
    await assert.rejects(store.push(LAYER.descriptor, opener, { onBytes }), { code: 'CUT_SHORT' });
    const [kept = 0] = registry.pending();
    assert.ok(kept > 0 && kept <= 100_000, String(kept));
    await store.push(LAYER.descriptor, opener, { onBytes });
    assert.deepEqual(opener.starts, [0, kept]);
    assert.equal(told, LAYER.bytes.length);
    assert.ok((await readAll(store, LAYER.descriptor)).equals(LAYER.bytes));
    assert.deepEqual(registry.requests.slice(2, 5), [
      `GET /v2/${REPOSITORY}/blobs/uploads/ID`,
      `PATCH /v2/${REPOSITORY}/blobs/uploads/ID ${kept}-${LAYER.bytes.length - 1}`,
      `PUT /v2/${REPOSITORY}/blobs/uploads/ID?digest=${LAYER.descriptor.digest}`,
    ]);
  });

  it('goes on in another process from what it remembered of a large one', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 4_000_000 }));
    const remembered = new Map<string, SavedUpload>();
    const uploadSessions: UploadSessions = {
      load: async (key) => remembered.get(key),
      save: async (key, upload) => void remembered.set(key, upload),
      remove: async (key) => void remembered.delete(key),
    };
    const opener = openerOf(BIG.bytes);
    const first = open(proxy.host, { uploadSessions });
    await assert.rejects(first.push(BIG.descriptor, opener), { code: 'CUT_SHORT' });
    assert.deepEqual([...remembered.keys()], [`${proxy.host}/${REPOSITORY}@${BIG.descriptor.digest}`]);
    const [kept = 0] = registry.pending();
    const second = open(proxy.host, { uploadSessions });
    await second.push(BIG.descriptor, opener);
    assert.ok(kept > 0);
    assert.deepEqual(opener.starts, [0, kept]);
    assert.equal(remembered.size, 0);
  });

  it('sends while the upload is still being remembered, and ends when it is forgotten again', async () => {
    const log: string[] = [];
    let save = (): void => undefined;
    const saved = new Promise<void>((resolve) => {
      save = resolve;
    });
    // Remembering ends only after the registry was sent the bytes.
    const registry = await startRegistry({
      refuse: ({ method }) => {
        if (method === 'PUT') save();
        log.push(method ?? '');
        return undefined;
      },
    });
    const uploadSessions: UploadSessions = {
      load: async () => undefined,
      save: () => saved.then(() => void log.push('saved')),
      remove: () => saved.then(() => void log.push('removed')),
    };
    await open(registry.host, { uploadSessions }).push(BIG.descriptor, openerOf(BIG.bytes));
    assert.deepEqual(log, ['POST', 'PUT', 'saved', 'removed']);
  });

  it('starts over when the registry forgot a remembered upload, or its place is not to be asked', async () => {
    const registry = await startRegistry();
    const places = [`${registry.origin}/v2/x/blobs/uploads/gone`, 'ftp://127.0.0.1/x', 'no URL at all:'];
    for (const [index, location] of places.entries()) {
      const removed: string[] = [];
      const uploadSessions: UploadSessions = {
        load: async () => ({ location, offset: 5 }),
        save: async () => {},
        remove: async (key) => void removed.push(key),
      };
      const store = open(registry.host, { uploadSessions }, `repository/${index}`);
      await store.push(BIG.descriptor, openerOf(BIG.bytes));
      assert.equal(await store.exists(BIG.descriptor), true);
      assert.ok(removed.length > 0);
    }
  });

  it('lets the failure of the source through as it is, and goes on from there', async () => {
    const registry = await startRegistry();
    const store = open(registry.host);
    const first = store.push(LAYER.descriptor, async () => brokenOff(LAYER.bytes.subarray(0, 1000)));
    await assert.rejects(first, { code: 'CUT_SHORT', message: 'the connection broke' });
    const failing = async () => {
      throw new Error('the disk is gone');
    };
    await assert.rejects(store.push(LAYER.descriptor, failing), { message: 'the disk is gone' });
    await store.push(LAYER.descriptor, openerOf(LAYER.bytes));
    assert.equal(await store.exists(LAYER.descriptor), true);
  });

  it('reads from the disk where it is told that the bytes lie there, from any byte on', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutRequestAfter: 2_500_000 }));
    const before = 12_345;
    await writeFile(
      path('archive.tar'),
      Buffer.concat([Buffer.alloc(before, 1), BIG.bytes, Buffer.alloc(99)]),
    );
    const region = { path: path('archive.tar'), offset: before, size: BIG.bytes.length };
    for (const options of [{ chunkBytes: undefined }, { chunkBytes: 1_500_001 }]) {
      const store = open(proxy.host, options, `on/disk${options.chunkBytes ?? ''}`);
      const opener = openerOf(Buffer.alloc(0));
      const push = () => store.push(BIG.descriptor, opener, { region });
      if (options.chunkBytes === undefined) await assert.rejects(push(), { code: 'CUT_SHORT' });
      await push();
      assert.deepEqual(opener.starts, []);
      assert.ok((await readAll(store, BIG.descriptor)).equals(BIG.bytes));
    }
    const short = { ...region, offset: before + 1000 };
    const cut = open(registry.host, {}, 'cut').push(BIG.descriptor, openerOf(BIG.bytes), { region: short });
    await assert.rejects(cut, { code: 'IO', message: /became shorter/ });
  });

  it('takes an upload whose answer was lost for done', async () => {
    const registry = await startRegistry();
    const proxy = await startProxy(registry, nth('PUT', 1, { cutAnswerAfter: 0 }));
    const store = open(proxy.host);
    const opener = openerOf(LAYER.bytes);
    await assert.rejects(store.push(LAYER.descriptor, opener));
    await store.push(LAYER.descriptor, opener);
    assert.deepEqual(opener.starts, [0]);
  });

  it('says that the content is another when the registry does', async () => {
    const registry = await startRegistry();
    const wrong = Buffer.from(LAYER.bytes).fill(0, 5, 6);
    const push = open(registry.host).push(LAYER.descriptor, openerOf(wrong));
    await assert.rejects(push, ({ code, cause }: Error & { code: string }) => {
      assert.equal(code, 'DIGEST_MISMATCH');
      assert.match(String(cause), /DIGEST_INVALID/);
      return true;
    });
    assert.deepEqual(registry.pending(), []);
  });
});

describe('a mount', () => {
  it('takes a blob from another repository without sending it', async () => {
    const registry = await startRegistry();
    await open(registry.host, {}, 'base').push(LAYER.descriptor, openerOf(LAYER.bytes));
    const store = open(registry.host);
    assert.equal(await store.mount(LAYER.descriptor, 'base'), true);
    assert.equal(await store.exists(LAYER.descriptor), true);
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
      assert.equal(await store.exists(LAYER.descriptor), true);
    });
  }
});

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

describe('referrers pushed to a registry without the referrers API', () => {
  const notes = (subject: Awaited<ReturnType<typeof makeImage>>) =>
    ['a', 'b', 'c', 'd'].map((payload) =>
      makeReferrer(subject.manifest.descriptor, {
        artifactType: 'text/x-note',
        payload,
        annotations: { payload },
      }),
    );

  it('are all listed under the fallback tag, however many come at once', async () => {
    const registry = await startRegistry();
    const client = connect();
    const name = { registry: registry.host, repository: REPOSITORY };
    const image = await makeImage({ seed: 'subject' });
    const attached = notes(image);
    await pushAll(createRemoteStore(client, name), [
      ...image.all,
      ...attached.flatMap(({ layers }) => layers),
    ]);
    await pushAll(createRemoteStore(client, name), [attached[0]?.config ?? LAYER]);
    // Several stores of one repository, as several images of a run have them.
    await Promise.all(attached.map(({ manifest }) => pushAll(createRemoteStore(client, name), [manifest])));

    const held = registry.repository(REPOSITORY);
    const list = await held.resolve(referrersTag(image.manifest.descriptor.digest));
    const document = JSON.parse((await readAll(held, list)).toString());
    assert.equal(document.mediaType, MEDIA_TYPE.ociIndex);
    assert.deepEqual(
      new Map(document.manifests.map((entry: { digest: string }) => [entry.digest, entry])),
      new Map(
        attached.map(({ manifest: { descriptor } }, index) => [
          descriptor.digest,
          { ...descriptor, artifactType: 'text/x-note', annotations: { payload: 'abcd'[index] } },
        ]),
      ),
    );
  });

  it('are listed again when another writer took the list away meanwhile', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'subject' });
    const [mine, theirs] = notes(image);
    assert.ok(mine !== undefined && theirs !== undefined);
    const tag = referrersTag(image.manifest.descriptor.digest);
    const theirList = contentOf(
      MEDIA_TYPE.ociIndex,
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.ociIndex,
          manifests: [theirs.manifest.descriptor],
          annotations: { kept: 'yes' },
        }),
      ),
    );
    const held = registry.repository(REPOSITORY);
    let writes = 0;
    const proxy = await startProxy(registry, ({ method, path }) => {
      // After our first write comes theirs, which did not see it.
      if (method === 'GET' && path.endsWith(tag) && writes === 1) {
        writes = 2;
        void held.tag(theirList.descriptor, tag);
      }
      if (method === 'PUT' && path.endsWith(tag)) writes = Math.max(writes, 1);
      return undefined;
    });
    await pushAll(held, [...theirs.all, theirList]);
    await pushAll(open(proxy.host), [...image.all, ...mine.all]);
    const document = JSON.parse((await readAll(held, await held.resolve(tag))).toString());
    assert.deepEqual(
      document.manifests.map(({ digest }: { digest: string }) => digest),
      [theirs.manifest.descriptor.digest, mine.manifest.descriptor.digest],
    );
    assert.deepEqual(document.annotations, { kept: 'yes' });
    assert.equal(writes, 2);
  });

  it('never take the place of an image that has the tag', async () => {
    const registry = await startRegistry();
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const store = open(registry.host);
    await pushAll(store, [...image.all, ...note.layers, note.config]);
    await store.tag(image.manifest.descriptor, referrersTag(image.manifest.descriptor.digest));
    await assert.rejects(store.push(note.manifest.descriptor, openerOf(note.manifest.bytes)), {
      code: 'ALREADY_EXISTS',
    });
  });

  it('are left to a registry that lists them itself', async () => {
    const registry = await startRegistry({ listsReferrers: true });
    const image = await makeImage({ seed: 'subject' });
    const [note] = notes(image);
    assert.ok(note !== undefined);
    const store = open(registry.host);
    await pushAll(store, [...image.all, ...note.all]);
    assert.ok(
      !registry.requests.some((line) => line.includes(referrersTag(image.manifest.descriptor.digest))),
    );
  });
});
