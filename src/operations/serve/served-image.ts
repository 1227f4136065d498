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
import type { ImageTrees, PlanOptions } from '../../transfer/plan.js';
import { readImages } from '../../transfer/read-images.js';

export interface ServedImageOptions {
  /** The platform of an index to serve; undefined for the whole index. */
  platform: Platform | undefined;
  /** Children of the index that are missing, and are skipped. */
  missing: readonly Descriptor[];
  limits: GraphLimits;
  signal: AbortSignal;
}

/**
 * The image that a tag stands for; `none` for an index without images, `unclear` if it has several and none matches.
 */
export type ServedImage =
  | { type: 'image'; image: ImageTrees }
  | { type: 'none' }
  | { type: 'unclear'; offered: readonly Platform[] };

/**
 * Reads what a tag names. Of an index, reads the image for `platform`, or else its only image: a client can mean no
 * other, and an archive of one platform serves machines of that platform.
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

/** Adds a host, so that the name is not completed to one of Docker Hub. */
function nameOf({ repository, tag }: TaggedManifest): string {
  return `localhost/${repository}:${tag}`;
}

/**
 * Returns the children of an index that are missing: since version 25, Docker saves an index with only the children
 * that were pulled.
 */
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

/** Returns the store with every name resolving to `root`, because a tag may be moved while its image is read. */
function withRoot(store: Source, root: Descriptor): Source {
  return delegate(store, { resolve: async () => root, close: async () => undefined });
}
