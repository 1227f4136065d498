import { createRegistryClient } from '../../src/registry/client.js';
import { openArchive } from '../../src/store/archive/archive.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openLayout, openLayoutForWriting } from '../../src/store/layout/layout.js';
import { openServedLayout } from '../../src/store/layout/served.js';
import { createMemoryStore } from '../../src/store/memory.js';
import { createRemoteStore } from '../../src/store/remote/remote.js';
import { storeOver } from '../support/pushing.js';
import { serve } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { describeReading, describeStore } from './contract.js';

describeStore('the memory store', async () => ({ store: createMemoryStore() }));

describe('on the disk', () => {
  const path = useFolder('the suite');
  let count = 0;

  describeStore('the layout directory', async () => {
    const directory = path(`layout-${count++}`);
    const store = await openLayoutForWriting(directory);
    const reopen = async () => {
      await store.commit();
      await store.close();
      return openLayout(directory);
    };
    return { store, reopen };
  });

  describe('the layout that takes pushes', () => {
    describeReading(async (fill) => {
      const served = await openServedLayout(path(`served-${count++}`));
      // Where bare tags go in a layout, which is what the suite names its images.
      const store = storeOver(await served.openForPush('unnamed'));
      await fill(store);
      return { store, close: () => served.close() };
    });
  });

  for (const format of ['universal', 'oci-archive'] as const) {
    describeStore(`the archive (${format})`, async () => {
      const file = path(`archive-${count++}.tar`);
      const store = await openArchiveForWriting(file, { format });
      const reopen = async () => {
        await store.commit?.();
        await store.close();
        return openArchive(file);
      };
      return { store, reopen };
    });
  }
});

describe('the remote store, over our own server', () => {
  describeReading(async (fill) => {
    const behind = createMemoryStore();
    await fill(behind);
    const served = await serve({ 'some/repository': behind });
    const client = createRegistryClient();
    const store = createRemoteStore(client, { registry: served.registry, repository: 'some/repository' });
    const close = async () => {
      await store.close();
      await client.close();
      await served.close();
    };
    return { store, close };
  });
});
