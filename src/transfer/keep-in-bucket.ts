import type { Digest } from '../content/digest.js';
import type { ManifestTree, PlannedContent } from '../graph/tree.js';
import type { BucketStore } from '../store/bucket/bucket-store.js';
import { fromMemory } from './copy.js';
import type { ImageTrees } from './plan.js';

/** Stores what was read of images and is known to be missing, until that fails; `stored` becomes the digests of it. */
export function keepIn(store: BucketStore, stored: Set<Digest>): (image: ImageTrees) => Promise<void> {
  let isFailing = false;
  const keep = async ({ descriptor, bytes }: PlannedContent): Promise<void> => {
    if (isFailing || bytes === undefined || !store.lacks(descriptor.digest)) return;
    try {
      await store.push(descriptor, fromMemory(bytes));
      stored.add(descriptor.digest);
    } catch {
      isFailing = true;
    }
  };
  return async (image) => {
    await Promise.all(blobsOf(image).map(keep));
  };
}

/** Returns the blobs of an image and of what is attached to it, perhaps some of them several times. */
function blobsOf({ tree, attached }: ImageTrees): PlannedContent[] {
  const blobsIn = ({ blobs, children }: ManifestTree): PlannedContent[] => [
    ...blobs,
    ...children.flatMap(blobsIn),
  ];
  return [tree, ...attached.map((referrer) => referrer.tree)].flatMap(blobsIn);
}
