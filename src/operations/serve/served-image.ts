import { withAbsent } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import { isIndex } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { isLadingError } from '../../errors.js';
import { imagesOf } from '../../graph/tree.js';
import { GraphBudget, type GraphLimits } from '../../manifest/graph-budget.js';
import { parseManifest, successors } from '../../manifest/manifest.js';
import type { TaggedManifest } from '../../server/read/conversions.js';
import { delegate } from '../../store/delegate.js';
import { readContent } from '../../store/read-content.js';
import type { Source } from '../../store/store.js';
import { has } from '../../store/store.js';
import { type ImageTrees, type PlanOptions, readImages } from '../../transfer/plan.js';

export interface ServedImageOptions {
  /** The image of an index that is meant; undefined for the whole index. */
  platform: Platform | undefined;
  /** Children of the index that are not there, and are passed over. */
  missing: readonly Descriptor[];
  limits: GraphLimits;
  signal: AbortSignal;
}

/** The image that a tag stands for; `none` in an index without images, `unclear` where there are several and none fits. */
export type ServedImage =
  | { type: 'image'; image: ImageTrees }
  | { type: 'none' }
  | { type: 'unclear'; offered: readonly Platform[] };

/**
 * Reads what a tag names, of an index the one image for `platform`, or the only one that it has: whoever asks for it
 * can mean no other, and an archive of one platform serves machines of that platform.
 */
export async function readServedImage(
  store: Source,
  tagged: TaggedManifest,
  { platform, missing, limits, signal }: ServedImageOptions,
): Promise<ServedImage> {
  const root = withAbsent(
    tagged.descriptor,
    missing.map(({ digest }) => digest),
  );
  const read = async (options: PlanOptions = {}): Promise<ServedImage> => {
    const request = { source: withRoot(store, root), reference: root.digest, name: nameOf(tagged) };
    const { images } = await readImages([request], {
      ...options,
      referrers: false,
      retries: 0,
      ...limits,
      signal,
    });
    const [image] = images;
    return image === undefined ? { type: 'none' } : { type: 'image', image };
  };
  if (!isIndex(root.mediaType) || platform === undefined) return read();
  try {
    return await read({ platforms: [platform], index: 'single' });
  } catch (error) {
    if (!isLadingError(error, 'NOT_FOUND')) throw error;
  }
  const whole = await read();
  if (whole.type !== 'image') return whole;
  const [tree, ...others] = imagesOf(whole.image.tree);
  if (others.length > 0) return { type: 'unclear', offered: whole.image.tree.platforms };
  return tree === undefined ? { type: 'none' } : { type: 'image', image: { ...whole.image, tree } };
}

/** A host that leaves the path as it is: without one, the name would be completed to one of Docker Hub. */
function nameOf({ repository, tag }: TaggedManifest): string {
  return `localhost/${repository}:${tag}`;
}

/** Children of an index that are not there: Docker from 25 on saves indexes with what it has pulled of them. */
export async function missingChildren(
  store: Source,
  root: Descriptor,
  { limits, signal }: { limits: GraphLimits; signal: AbortSignal },
): Promise<Descriptor[]> {
  if (!isIndex(root.mediaType)) return [];
  const { manifests } = successors(parseManifest(await readContent(store, root, { signal }), root));
  new GraphBudget(limits).take(root.digest, 0, manifests.length);
  const missing: Descriptor[] = [];
  for (const child of manifests) {
    signal.throwIfAborted();
    if (!(await has(store, child, { signal }))) missing.push(child);
  }
  return missing;
}

/** The store, in which every name stands for `root`: a tag may be moved while it is read. */
function withRoot(store: Source, root: Descriptor): Source {
  return delegate(store, { resolve: async () => root, close: async () => undefined });
}
