import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { isManifest } from '../../src/content/media-types.js';
import { documentOf } from '../../src/manifest/convert/conversion.js';
import { createPool } from '../../src/pool.js';
import { createRegistryClient, type RegistryClient } from '../../src/registry/client.js';
import type { Asked } from '../../src/server/answer.js';
import { Refusal } from '../../src/server/errors.js';
import { orConverted } from '../../src/server/read/converted.js';
import { openArchive } from '../../src/store/archive/archive.js';
import { delegate } from '../../src/store/delegate.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createRemoteStore, type RemoteStore } from '../../src/store/remote/remote.js';
import { createRemoteSource } from '../../src/store/remote/remote-source.js';
import { createRemoteV1Store } from '../../src/store/remote/remote-v1.js';
import { tagsOf } from '../../src/store/repository-view.js';
import type { Source, Store } from '../../src/store/store.js';
import { mergeRepositories, type Served } from '../../src/store/union.js';
import type { WritableRepositories } from '../../src/store/writable-repository.js';
import { headStartStore } from '../../src/transfer/registry/head-start.js';
import { makeImage, pushAll } from '../support/images.js';
import { storeOver } from '../support/pushing.js';
import { makeV1Chain } from '../support/v1-images.js';
import { startV1Registry } from '../support/v1-registry.js';
import type { Opened, Writable } from './contract.js';
import { fillWithEverything, type Held, heldImages, type Reading } from './contract-reading.js';

export const REPOSITORY = 'some/repository';

/** A layout that is being written, and opened anew when it is whole. */
export async function openedLayout<T extends Source>(
  directory: string,
  open: (directory: string) => Promise<T>,
): Promise<{ store: Store; reopen: () => Promise<T> }> {
  const store = await openLayoutForWriting(directory);
  const reopen = async () => {
    await store.commit();
    await store.close();
    return open(directory);
  };
  return { store, reopen };
}

/** An archive that is being written, and read when it is whole. */
export function finished(file: string, store: Store): { store: Store; reopen: () => Promise<Source> } {
  const reopen = async () => {
    await store.commit?.();
    await store.close();
    return openArchive(file);
  };
  return { store, reopen };
}

/** An archive that is written to a stream, and read from the file that comes of it. */
export async function streamed(
  file: string,
  create: (stream: PassThrough) => Promise<Store>,
): Promise<Writable> {
  const stream = new PassThrough();
  const received = buffer(stream);
  const store = await create(stream);
  const reopen = async () => {
    await store.commit?.();
    await store.close();
    stream.end();
    await writeFile(file, await received);
    return openArchive(file);
  };
  return { store, reopen };
}

/** What a registry serves is put behind it: it would not take the schema1 manifest, whose layers nobody has. */
export function fillBehind(repositories: WritableRepositories): NonNullable<Writable['fill']> {
  return async () => {
    const held = await fillWithEverything(storeOver(await repositories.openForPush(REPOSITORY)));
    return async () => held;
  };
}

export async function fillWithImages(store: Store): Promise<(reader: Source) => Promise<Held>> {
  const images = {
    'docker.io/library/first:1': await makeImage({ seed: 'first' }),
    'reg.test/second:2': await makeImage({ seed: 'second', format: 'docker' }),
  };
  const all = Object.values(images).flatMap((image) => image.all);
  await store.prepare?.(all.map(({ descriptor }) => descriptor));
  await pushAll(store, all);
  for (const [name, { manifest }] of Object.entries(images)) await store.tag(manifest.descriptor, name);
  const plain = Object.entries(images).map(([name, { layers }]) => [
    name,
    layers.map(({ bytes }) => gunzipSync(bytes)),
  ]);
  return (reader) => heldImages(reader, Object.fromEntries(plain));
}

/** A repository to push to, with a client of its own. */
export function pushedTo(
  registry: string,
  decorate: (store: RemoteStore) => Store,
  closeRegistry: () => Promise<void>,
): Store {
  const client = createRegistryClient({ plainHTTP: true, environment: {}, wait: async () => {} });
  const store = decorate(createRemoteStore(client, { registry, repository: REPOSITORY }));
  return delegate(store, {
    // Without the referrers API their list is a tag like any other, which the contract does not know of.
    async *names(options) {
      for await (const named of store.names(options)) if (!/^sha256-\w{64}$/.test(named.name)) yield named;
    },
    async close() {
      await store.close();
      await client.close();
      await closeRegistry();
    },
  });
}

/** A repository to read from, with a client of its own. */
export async function readOver(
  open: (client: RegistryClient) => Source,
  { held, close }: { held: (store: Source) => Promise<Held>; close: () => Promise<void> },
): Promise<Reading> {
  const client = createRegistryClient({ plainHTTP: true, environment: {} });
  const store = open(client);
  const closeAll = async () => {
    await store.close();
    await client.close();
    await close();
  };
  return { store, held: await held(store), close: closeAll };
}

export async function openedV1(isAlone: boolean): Promise<Reading> {
  const registry = await startV1Registry();
  const chain = await makeV1Chain('contract', [70_000, 300]);
  const other = await makeV1Chain('other', [100], { on: chain[0] ?? assert.fail() });
  registry.put('team/app:1', chain);
  registry.put('team/app:2', other);
  const name = { registry: registry.index.host, repository: 'team/app' };
  const layersOf = (images: typeof chain) => images.map(({ layer }) => layer);
  const images = { '1': layersOf(chain), '2': layersOf([...chain.slice(0, 1), ...other]) };
  return readOver(
    (client) => (isAlone ? createRemoteV1Store(client.v1, name) : createRemoteSource(client, name)),
    { held: (store) => heldImages(store, images), close: registry.close },
  );
}

/** The images with bare tags, as a registry serves them. */
export async function repositoryOf(stores: readonly Source[]): Promise<Source> {
  const served = stores.map((store): Served => {
    const tags = tagsOf(store);
    return { store, location: store.location, tags: () => tags };
  });
  const repository = await mergeRepositories(served).openRepository('unnamed');
  assert.ok(repository !== undefined);
  return delegate(repository, {
    async close() {
      for (const store of stores) await store.close();
    },
  });
}

/** Two stores of which each gets half of the blobs and of the names. */
export function dealing(first: Store, second: Store): Store {
  let names = 0;
  return delegate(first, {
    async push(descriptor, open, options) {
      const stores = isManifest(descriptor.mediaType)
        ? [first, second]
        : [/[0-7]$/.test(descriptor.digest) ? first : second];
      for (const store of stores) await store.push(descriptor, open, options);
    },
    tag: (descriptor, name) => (names++ % 2 === 0 ? first : second).tag(descriptor, name),
  });
}

export async function openedConversion(): Promise<Opened> {
  const { manifest } = await makeImage({ seed: 'converted' });
  const { descriptor, bytes } = manifest;
  let store: Source | undefined;
  await orConverted(
    createMemoryStore(),
    { repository: REPOSITORY, digest: descriptor.digest },
    {
      asked: {} as Asked, // for what finds the conversion alone
      conversions: {
        convert: async () => undefined,
        find: async () => documentOf(descriptor.mediaType, bytes),
      },
    },
    async (holder) => {
      store = holder;
      if (holder.location === 'memory') throw new Refusal('MANIFEST_UNKNOWN', 'not stored');
      return { status: 200, headers: {} };
    },
  );
  assert.ok(store !== undefined);
  const held = { named: {}, nameless: [manifest], blob: manifest, subject: manifest, attached: [] };
  return { store, held, close: async () => undefined };
}

/** All blobs are begun before they are pushed, as those of images that are read while others are copied. */
export function begunEarly(target: Store): Store {
  const pool = createPool(4);
  const store = headStartStore(target, pool);
  return delegate<Store>(store, {
    push(descriptor, open, options) {
      // In a copy the signal is that of the pool.
      if (options?.signal?.aborted) pool.abort(options.signal.reason);
      if (!isManifest(descriptor.mediaType))
        store.begin({ descriptor, source: { fetch: (_, fetchOptions) => open(fetchOptions) } });
      return store.push(descriptor, open, options);
    },
  });
}
