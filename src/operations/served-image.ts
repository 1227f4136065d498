import { withAbsent } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { isIndex } from '../content/media-types.js';
import { formatPlatform, type Platform } from '../content/platform.js';
import { type ImageTrees, type PlanOptions, readImages } from '../copy/plan.js';
import type { ManifestTree } from '../copy/plan-tree.js';
import { isLadingError } from '../errors.js';
import { parseManifest, successors } from '../manifest/manifest.js';
import { Refusal } from '../server/errors.js';
import type { TaggedManifest } from '../server/read/conversions.js';
import { readContent } from '../store/read-content.js';
import type { ReadonlyStore } from '../store/store.js';

export interface ServedImageOptions {
  /** The image of an index that is meant; undefined for the whole index. */
  platform: Platform | undefined;
  signal: AbortSignal;
}

/**
 * Reads what a tag names, of an index the one image for `platform`, or the only one that it has: whoever asks for it
 * can mean no other, and an archive of one platform serves machines of that platform. Undefined for an index
 * without images; throws a `Refusal` where there are several and none fits. Children that are not there are passed
 * over: Docker from 25 on saves indexes with what it has pulled of them.
 */
export async function readServedImage(
  store: ReadonlyStore,
  tagged: TaggedManifest,
  { platform, signal }: ServedImageOptions,
): Promise<ImageTrees | undefined> {
  const root = await withoutMissing(store, tagged.descriptor, signal);
  const read = async (options: PlanOptions = {}): Promise<ImageTrees | undefined> => {
    const request = { source: withRoot(store, root), reference: root.digest, name: nameOf(tagged) };
    const { images } = await readImages([request], { ...options, referrers: false, retries: 0, signal });
    return images[0];
  };
  if (!isIndex(root.mediaType) || platform === undefined) return read();
  try {
    return await read({ platforms: [platform], index: 'single' });
  } catch (error) {
    if (!isLadingError(error, 'NOT_FOUND')) throw error;
  }
  const whole = await read();
  if (whole === undefined) return undefined;
  const [image, ...others] = imagesOf(whole.tree);
  if (others.length > 0) throw unclear(tagged, platform, whole.tree);
  return image && { ...whole, tree: image };
}

/** A host that leaves the path as it is: without one, the name would be completed to one of Docker Hub. */
function nameOf({ repository, tag }: TaggedManifest): string {
  return `localhost/${repository}:${tag}`;
}

async function withoutMissing(
  store: ReadonlyStore,
  root: Descriptor,
  signal: AbortSignal,
): Promise<Descriptor> {
  if (!isIndex(root.mediaType)) return root;
  const { manifests } = successors(parseManifest(await readContent(store, root, { signal }), root));
  const missing: Descriptor[] = [];
  for (const child of manifests) if (!(await store.exists(child, { signal }))) missing.push(child);
  return withAbsent(
    root,
    missing.map(({ digest }) => digest),
  );
}

/** The store, in which every name stands for `root`: a tag may be moved while it is read. */
function withRoot(store: ReadonlyStore, root: Descriptor): ReadonlyStore {
  return {
    resolve: async () => root,
    resolveBlob: (digest, options) => store.resolveBlob(digest, options),
    exists: (descriptor, options) => store.exists(descriptor, options),
    fetch: (descriptor, options) => store.fetch(descriptor, options),
    references: (options) => store.references(options),
    referrers: (subject, options) => store.referrers(subject, options),
    region: async (descriptor) => store.region?.(descriptor),
    close: async () => undefined,
  };
}

/** Those with a platform: attestations and artifacts have none. */
function imagesOf(tree: ManifestTree): ManifestTree[] {
  if (tree.children.length > 0) return tree.children.flatMap(imagesOf);
  return tree.platforms.length > 0 ? [tree] : [];
}

function unclear({ tag }: TaggedManifest, platform: Platform, { platforms }: ManifestTree): Refusal {
  const offered = platforms.map(formatPlatform).join(', ');
  return new Refusal(
    'MANIFEST_UNKNOWN',
    `${tag} is not there for ${formatPlatform(platform)}, which clients get that accept no index; it is there for ${offered}`,
    { detail: { reference: tag }, headers: { Vary: 'Accept' } },
  );
}
