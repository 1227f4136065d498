import type { AccessEntry } from '../../src/server/operational/access-log.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source, Store } from '../../src/store/store.js';
import { type Content, pushAll } from '../support/images.js';
import { serve } from '../support/registry-server.js';

/** A registry of one's own, and what it was asked for. */
export interface TestRegistry {
  /** `127.0.0.1:PORT`. */
  name: string;
  /** Pushes an image and gives it a tag; `REPOSITORY:TAG`. */
  put(name: string, image: { all: Content[]; manifest: Content }): Promise<void>;
  storeOf(repository: string): Store;
  /** What the registry gives instead, from now on. */
  replace(repository: string, store: Source): void;
  /** Digests of the blobs that were sent since the last call. */
  sentBlobs(): string[];
  requests: AccessEntry[];
  close(): Promise<void>;
}

export async function startRegistry(): Promise<TestRegistry> {
  const stores = new Map<string, Store>();
  const served: Record<string, Source> = {};
  const requests: AccessEntry[] = [];
  const { registry, close } = await serve(served, { onRequest: (entry) => requests.push(entry) });
  let counted = 0;

  function storeOf(repository: string): Store {
    const store = stores.get(repository) ?? createMemoryStore();
    stores.set(repository, store);
    served[repository] ??= store;
    return store;
  }

  return {
    name: registry,
    storeOf,
    async put(name, { all, manifest }) {
      const [repository = '', tag = 'latest'] = name.split(':');
      await pushAll(storeOf(repository), all);
      await storeOf(repository).tag(manifest.descriptor, tag);
    },
    replace(repository, store) {
      served[repository] = store;
    },
    sentBlobs() {
      const blobs = requests.slice(counted).flatMap(({ method, url }) => {
        const [, digest] = /\/blobs\/(.*)$/.exec(url) ?? [];
        return method === 'GET' && digest !== undefined ? [digest] : [];
      });
      counted = requests.length;
      return blobs;
    },
    requests,
    close,
  };
}
