import { createRegistryClient } from '../../../src/registry/client.js';
import { createRemoteStore } from '../../../src/store/remote/remote.js';
import { overriding } from '../../support/openers.js';
import { startUploadRegistry } from '../../support/upload-registry.js';
import { describeStore } from '../contract.js';
import { REPOSITORY } from './pushing.js';

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
    const names = async function* (): ReturnType<typeof store.names> {
      for await (const named of store.names()) if (!/^sha256-\w{64}$/.test(named.name)) yield named;
    };
    return { store: overriding(store, listsReferrers ? { close } : { close, names }) };
  });
}
