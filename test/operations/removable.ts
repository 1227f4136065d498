import assert from 'node:assert/strict';
import type { RemovedName } from '../../src/store/removal.js';
import type { Source, Store } from '../../src/store/store.js';
import {
  type MadeImage,
  type MadeSignature,
  makeCosignSignature,
  makeImage,
  makeReferrer,
  pushAll,
} from '../support/images.js';

export interface Filled {
  one: MadeImage;
  two: MadeImage;
  signature: MadeSignature;
  sbom: MadeImage;
}

/** Two images with three names, and what is attached to the one with two names: a signature by its tag, and an SBOM. */
export async function fill(store: Store): Promise<Filled> {
  const [one, two] = await Promise.all(['one', 'two'].map((seed) => makeImage({ seed })));
  assert.ok(one && two);
  const signature = makeCosignSignature(one.manifest.descriptor);
  const sbom = makeReferrer(one.manifest.descriptor, { artifactType: 'application/vnd.test', payload: 's' });
  await pushAll(store, [...one.all, ...two.all, ...signature.all, ...sbom.all]);
  await store.tag(one.manifest.descriptor, 'registry.test/app:1');
  await store.tag(one.manifest.descriptor, 'registry.test/app:latest');
  await store.tag(signature.manifest.descriptor, `registry.test/app:${signature.tag}`);
  await store.tag(two.manifest.descriptor, 'registry.test/tools/app:2');
  await store.commit?.();
  return { one, two, signature, sbom };
}

export async function namesOf(store: Source): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.names()) names.push(name);
  return names.sort();
}

export const namesIn = (removed: readonly RemovedName[]): string[] => removed.map(({ name }) => name).sort();
