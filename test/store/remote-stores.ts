import { openLayout } from '../../src/store/layout/layout.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import { createKnownBlobs, mountingStore } from '../../src/store/remote/mounting.js';
import type { RemoteStore } from '../../src/store/remote/remote.js';
import { createRemoteSource } from '../../src/store/remote/remote-source.js';
import type { FakeS3Options } from '../support/fake-s3.js';
import { storeOver } from '../support/pushing.js';
import { startUploadRegistry } from '../support/upload-registry.js';
import { serveWritable } from '../support/writable-server.js';
import type { Kept } from './contract.js';
import { fillWithEverything } from './contract-reading.js';
import { AS_A_PLACE } from './contract-writing.js';
import { fillBehind, openedLayout, openedV1, pushedTo, REPOSITORY, readOver } from './opened.js';
import { bucketOf, openedBucket } from './opened-bucket.js';

/** The rows of registries and buckets. `path` returns a path of something new in the suite's folder. */
export const remoteStores = (path: (name: string) => string): readonly Kept[] => [
  ...[false, true].map(
    (listsReferrers): Kept => ({
      store: `the remote store, over a registry ${listsReferrers ? 'that lists referrers' : 'without the referrers API'}`,
      of: ['store/remote/remote.ts'],
      holds: 'everything',
      writing: AS_A_PLACE,
      async open() {
        const registry = await startUploadRegistry({ listsReferrers });
        return { store: pushedTo(registry.host, (store) => store, registry.close) };
      },
    }),
  ),
  {
    store: 'the remote store, over our own server',
    of: ['store/remote/remote.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    async open() {
      const served = await serveWritable();
      const store = pushedTo(served.registry, (remote) => remote, served.close);
      return { store, fill: fillBehind(served.repositories) };
    },
  },
  {
    store: 'the remote store, over our own server of a layout',
    of: ['store/remote/remote.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    async open() {
      const repositories = await openServedLayout(path('behind'));
      const { openRepository } = repositories;
      const served = await serveWritable({ repositories }, { openRepository });
      const close = () => served.close().finally(() => repositories.close());
      const store = pushedTo(served.registry, (remote) => remote, close);
      return { store, fill: fillBehind(repositories) };
    },
  },
  {
    store: 'the remote store that takes blobs from other repositories',
    of: ['store/remote/mounting.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    async open() {
      const served = await serveWritable();
      const mounting = (remote: RemoteStore) => mountingStore(remote, REPOSITORY, createKnownBlobs());
      const store = pushedTo(served.registry, mounting, served.close);
      return { store, fill: fillBehind(served.repositories) };
    },
  },
  {
    store: 'a repository to read from',
    of: ['store/remote/remote-source.ts'],
    holds: 'everything',
    async open() {
      const served = await serveWritable();
      const held = await fillWithEverything(storeOver(await served.repositories.openForPush(REPOSITORY)));
      return readOver(
        (client) => createRemoteSource(client, { registry: served.registry, repository: REPOSITORY }),
        { held: async () => held, close: served.close },
      );
    },
  },
  ...(['remote-v1.ts', 'remote-source.ts'] as const).map(
    (file): Kept => ({
      store: `a repository of a v1 registry (${file})`,
      of: [`store/remote/${file}`],
      holds: 'images',
      open: () => openedV1(file === 'remote-v1.ts'),
    }),
  ),
  ...Object.entries<FakeS3Options>({
    'the bucket': {},
    'the bucket of a service that knows no conditions': { ignoresConditions: true, ignoresDigests: true },
    'the bucket whose lists have pages of two': { pageSize: 2 },
  }).map(
    ([store, options]): Kept => ({
      store,
      of: ['store/bucket/bucket-source.ts'],
      holds: 'everything',
      writing: AS_A_PLACE,
      open: () => openedBucket(options),
    }),
  ),
  {
    store: 'the bucket with a layout of another tool',
    of: ['store/bucket/bucket-source.ts'],
    holds: 'everything',
    async open() {
      const directory = path('layout');
      const { store, reopen } = await openedLayout(directory, openLayout);
      const inBucket = async () => {
        await (await reopen()).close();
        return bucketOf(directory);
      };
      return { store, reopen: inBucket };
    },
  },
];
