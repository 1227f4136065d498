import { setImmediate as turn } from 'node:timers/promises';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source, Store } from '../../src/store/store.js';
import { openTar } from '../../src/tar/read.js';
import { type CopyOptions, type CopyResult, copyGraph } from '../../src/transfer/copy.js';
import type { PlanOptions } from '../../src/transfer/plan.js';
import { type Content, pushAll } from './images.js';
import { overriding } from './openers.js';
import { planCopy } from './plan.js';

/** Makes a store in memory with these images, by name. */
export async function storeOf(images: Record<string, { all: Content[]; manifest: Content }>): Promise<Store> {
  const store = createMemoryStore();
  for (const [name, { all, manifest }] of Object.entries(images)) {
    await pushAll(store, all);
    await store.tag(manifest.descriptor, name);
  }
  return store;
}

/** Plans and copies the named images of a source, and always closes the destination. */
export async function copyInto(
  destination: Store,
  source: Source,
  names: readonly string[],
  options: CopyOptions & PlanOptions = {},
): Promise<CopyResult> {
  try {
    const requests = names.map((name) => ({ source, reference: name, name }));
    return await copyGraph(await planCopy(requests, options), destination, options);
  } finally {
    await destination.close();
  }
}

/** Returns the same store, but its answers come in another order than the requests. */
export function disordered<T extends Source>(store: T): T {
  return overriding(store, {
    async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
      for (let turns = Number.parseInt(descriptor.digest.slice(-1), 16); turns > 0; turns--) await turn();
      return store.fetch(descriptor, options);
    },
  });
}

/** Returns a JSON document in a tar. */
export async function documentIn(path: string, name: string): Promise<unknown> {
  const view = await openTar(path);
  try {
    return JSON.parse((await view.read(name, 1_000_000)).toString());
  } finally {
    await view.close();
  }
}

/** Returns the names of the files in a tar. */
export async function filesIn(path: string): Promise<string[]> {
  const view = await openTar(path);
  try {
    return (await view.list()).map((file) => file.path);
  } finally {
    await view.close();
  }
}
