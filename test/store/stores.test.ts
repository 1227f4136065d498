import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openServedStores } from '../../src/operations/serve/stores.js';
import { createPool } from '../../src/pool.js';
import { openArchive } from '../../src/store/archive/archive.js';
import { createArchiveStream, openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import {
  createDockerArchiveStream,
  openDockerArchiveForWriting,
} from '../../src/store/archive/docker-archive-writer.js';
import { delegate } from '../../src/store/delegate.js';
import { openLayout } from '../../src/store/layout/layout.js';
import { LiveLayout } from '../../src/store/layout/live-layout.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createRemoteSource } from '../../src/store/remote/remote-source.js';
import { compressedArchive, compressedStream } from '../../src/transfer/files/compressed-archive.js';
import { preferringHeld } from '../../src/transfer/held.js';
import { headStartStore } from '../../src/transfer/registry/head-start.js';
import { storeOver } from '../support/pushing.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable } from '../support/writable-server.js';
import { describeStore, type Kept } from './contract.js';
import { fillWithEverything } from './contract-reading.js';
import { AS_A_PLACE, LAYERS_CHANGED, ON_ITS_WAY } from './contract-writing.js';
import {
  begunEarly,
  dealing,
  fillWithImages,
  finished,
  openedConversion,
  openedLayout,
  REPOSITORY,
  readOver,
  repositoryOf,
  streamed,
} from './opened.js';
import { remoteStores } from './remote-stores.js';

let folder: (name: string) => string;
let count = 0;
/** Of something new in the suite's folder. */
const path = (name: string): string => folder(`${count++}-${name}`);

/** Every store and what it can do; what is not in a row is not asked of it. */
const STORES: readonly Kept[] = [
  {
    store: 'the memory store',
    of: ['store/memory.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    open: async () => ({ store: createMemoryStore() }),
  },
  {
    store: 'the layout directory',
    of: ['store/layout/layout.ts', 'store/layout/layout-reader.ts', 'store/image-files.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    open: () => openedLayout(path('layout'), openLayout),
  },
  {
    store: 'the layout directory that others write',
    of: ['store/layout/live-layout.ts'],
    holds: 'everything',
    open: () => openedLayout(path('layout'), (directory) => LiveLayout.openDirectory(directory)),
  },
  {
    store: 'a repository of a layout that takes pushes',
    of: ['store/layout/writable-repository.ts'],
    holds: 'everything',
    async open() {
      const served = await openServedLayout(path('served'));
      // Where bare tags go in a layout, which is what the suite names its images.
      const store = storeOver(await served.openForPush('unnamed'));
      const held = await fillWithEverything(store);
      return { store, held, close: () => served.close() };
    },
  },
  ...(['universal', 'oci-archive'] as const).flatMap((format): Kept[] => [
    {
      store: `the archive (${format})`,
      of: ['store/archive/archive-writer.ts'],
      holds: 'everything',
      writing: AS_A_PLACE,
      async open() {
        const file = path('archive.tar');
        return finished(file, await openArchiveForWriting(file, { format }));
      },
    },
    {
      store: `the archive that is streamed (${format})`,
      of: ['store/archive/archive-writer.ts'],
      holds: 'everything',
      writing: ON_ITS_WAY,
      open: async () =>
        streamed(path('streamed.tar'), async (stream) => createArchiveStream(stream, { format })),
    },
  ]),
  {
    store: 'the archive that is streamed and compressed as a whole',
    of: ['transfer/files/compressed-archive.ts'],
    holds: 'everything',
    writing: ON_ITS_WAY,
    open: async () =>
      streamed(path('compressed.tar.gz'), (stream) =>
        compressedArchive(
          async (tar) => createArchiveStream(tar, { format: 'universal' }),
          compressedStream(stream),
          { form: 'gzip' },
        ),
      ),
  },
  {
    store: 'the archive of which it is remembered what was found out',
    of: ['store/archive/archive.ts'],
    holds: 'everything',
    async open() {
      const file = path('archive.tar');
      const store = await openArchiveForWriting(file, { format: 'universal' });
      const memory = {
        directory: path('memory'),
        version: '1',
        minEntries: 1,
        now: () => Date.now() + 60_000,
      };
      const { reopen } = finished(file, store);
      const again = async () => {
        await (await reopen()).close();
        await (await openArchive(file, { memory })).close();
        return openArchive(file, { memory });
      };
      return { store, reopen: again };
    },
  },
  {
    store: 'the archive that is compressed as a whole',
    of: ['store/archive/archive.ts'],
    holds: 'everything',
    async open() {
      const file = path('archive.tar');
      const { store, reopen } = finished(file, await openArchiveForWriting(file, { format: 'oci-archive' }));
      const again = async () => {
        await (await reopen()).close();
        await writeFile(file, gzipSync(await readFile(file)));
        return openArchive(file);
      };
      return { store, reopen: again };
    },
  },
  ...[false, true].map(
    (legacy): Kept => ({
      store: `the docker-archive${legacy ? ' for Docker before 1.10' : ''}`,
      of: ['store/archive/docker-archive-writer.ts'],
      holds: 'images',
      writing: LAYERS_CHANGED,
      async open() {
        const file = path('docker.tar');
        const store = await openDockerArchiveForWriting(file, { legacy });
        return { ...finished(file, store), fill: fillWithImages };
      },
    }),
  ),
  {
    store: 'the docker-archive that is streamed',
    of: ['store/archive/docker-archive-writer.ts'],
    holds: 'images',
    writing: LAYERS_CHANGED,
    open: async () => ({
      ...(await streamed(path('streamed.tar'), (stream) => createDockerArchiveStream(stream))),
      fill: fillWithImages,
    }),
  },
  ...remoteStores(path),
  {
    store: 'a repository of a layout',
    of: ['store/repository-view.ts'],
    holds: 'everything',
    async open() {
      const opened = await openedLayout(path('layout'), openLayout);
      return { ...opened, reopen: async () => repositoryOf([await opened.reopen()]) };
    },
  },
  {
    store: 'a repository of several layouts',
    of: ['store/union.ts'],
    holds: 'everything',
    async open() {
      const layouts = [
        await openedLayout(path('layout'), openLayout),
        await openedLayout(path('layout'), openLayout),
      ] as const;
      const reopen = async () => repositoryOf(await Promise.all(layouts.map((layout) => layout.reopen())));
      return { store: dealing(layouts[0].store, layouts[1].store), reopen };
    },
  },
  {
    store: 'a repository of a store that is served, of somebody else',
    of: ['operations/serve/stores.ts'],
    holds: 'everything',
    async open() {
      const store = createMemoryStore();
      const reopen = async () => {
        const served = await openServedStores([store]);
        return (await served.openRepository('unnamed')) ?? assert.fail('nothing is served');
      };
      return { store, reopen };
    },
  },
  {
    store: 'a repository of a store of which all images are selected to be served',
    of: ['operations/serve/selected.ts'],
    holds: 'everything',
    async open() {
      const store = createMemoryStore();
      const reopen = async () => {
        const served = await openServedStores([store], { select: ['**'] });
        return (await served.openRepository('unnamed')) ?? assert.fail('nothing is served');
      };
      return { store, reopen };
    },
  },
  {
    store: 'what was made for a client that wants another form',
    of: ['server/read/converted.ts'],
    holds: 'one manifest',
    open: openedConversion,
  },
  {
    store: 'a store with nothing replaced',
    of: ['store/delegate.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    open: async () => ({ store: delegate(createMemoryStore(), {}) }),
  },
  {
    store: 'a repository of which an output holds everything',
    of: ['transfer/held.ts'],
    holds: 'everything',
    async open() {
      const served = await serveWritable();
      const held = await fillWithEverything(storeOver(await served.repositories.openForPush(REPOSITORY)));
      const output = createMemoryStore();
      await fillWithEverything(output);
      const name = { registry: served.registry, repository: REPOSITORY };
      return readOver((client) => preferringHeld(createRemoteSource(client, name), output), {
        held: async () => held,
        close: served.close,
      });
    },
  },
  {
    store: 'a store that is given blobs early, and was not',
    of: ['transfer/registry/head-start.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    open: async () => ({ store: headStartStore(createMemoryStore(), createPool(4)) }),
  },
  {
    store: 'a store that is given blobs early, and was given all',
    of: ['transfer/registry/head-start.ts'],
    holds: 'everything',
    writing: AS_A_PLACE,
    open: async () => ({ store: begunEarly(createMemoryStore()) }),
  },
];

/** Stores of which the contract is not true on purpose. */
const OTHERS: Record<string, string> = {
  'transfer/to-bucket.ts':
    'what a transfer reads of the bucket it writes to is the bucket, but resolves no short name, on purpose',
  'store/bucket/remove-names.ts':
    'it is not given out: a removal alone chooses by it among names whose objects are damaged, too',
  'transfer/to-store.ts':
    'it is not given out: a transfer alone has it, and nothing but its close is another',
  'operations/lock/locked-images.ts':
    'what is attached is what the lock says, whatever the repository has; test/operations/lock/lock.test.ts holds it to that',
  'operations/serve/served-image.ts': 'every name stands for one manifest, which is what it is for',
};

describe('the contract of stores', () => {
  folder = useFolder('the suite');

  for (const kept of STORES) describeStore(kept);

  it('is asked of every file of src that makes a store', () => {
    const src = fileURLToPath(new URL('../../src/', import.meta.url));
    const makes =
      /\bisLocal(?: =(?!=)|:|\(\))|\bdelegate[<(]|extends (?:ImageFiles|LayoutReader)\b|assign\((?:store|images),/;
    const makers = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && makes.test(readFileSync(`${src}${file}`, 'utf8')))
      .map((file) => file.replaceAll('\\', '/'))
      .filter((file) => file !== 'store/store.ts'); // the interface
    const asked = new Set([...STORES.flatMap(({ of }) => of), ...Object.keys(OTHERS)]);
    assert.deepEqual([...asked].sort(), makers.sort());
  });
});
