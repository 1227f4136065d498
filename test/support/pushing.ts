import { buffer } from 'node:stream/consumers';
import { isManifest } from '../../src/content/media-types.js';
import { delegate } from '../../src/store/delegate.js';
import type { Store } from '../../src/store/store.js';
import type { WritableRepository } from '../../src/store/writable-repository.js';
import type { Content } from './images.js';

/** Pushes contents in this order, as a client of a registry does: blobs by uploads, manifests by digest. */
export async function pushTo(repository: WritableRepository, contents: Iterable<Content>): Promise<void> {
  for (const { descriptor, bytes } of contents) {
    if (isManifest(descriptor.mediaType)) await repository.putManifest(descriptor, bytes);
    else await uploadTo(repository, { descriptor, bytes });
  }
}

/** Pushes an image, and tags its manifest, which is the last content. */
export async function pushTagged(
  repository: WritableRepository,
  contents: readonly Content[],
  ...tags: string[]
): Promise<void> {
  await pushTo(repository, contents.slice(0, -1));
  const root = contents.at(-1);
  if (root !== undefined) await repository.putManifest(root.descriptor, root.bytes, { tags });
}

export async function uploadTo(
  repository: WritableRepository,
  { descriptor, bytes }: Content,
): Promise<void> {
  const upload = await repository.createUpload();
  await upload.append(chunksOf(bytes));
  await upload.commit(descriptor.digest);
}

/** Returns bytes in pieces. */
export async function* chunksOf(bytes: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

/** Returns a repository as a store. */
export function storeOver(repository: WritableRepository): Store {
  return delegate<Store>(repository as unknown as Store, {
    async push(descriptor, open) {
      await pushTo(repository, [{ descriptor, bytes: await buffer(await open()) }]);
    },
    async tag(descriptor, tag) {
      const bytes = await buffer(await repository.fetch(descriptor));
      await repository.putManifest(descriptor, bytes, { tags: [tag] });
    },
    close: async () => undefined,
  });
}

export async function tagsIn(repository: WritableRepository | undefined): Promise<string[]> {
  const tags: string[] = [];
  for await (const { name } of repository?.names() ?? []) tags.push(name);
  return tags.sort();
}
