import { withAbsent } from '../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import type { Platform } from '../content/platform.js';
import type { AttachedTree } from '../graph/attached.js';
import type { GraphOptions } from '../graph/build.js';
import type { ManifestTree, PlannedContent } from '../graph/tree.js';
import type { Resolved, Source } from '../store/store.js';

/** An image to copy, with its name at the source and its name at the destination. */
export interface CopyRequest {
  source: Source;
  /** A tag, a digest, or a name that `source` knows. */
  reference: string;
  /** The name at the destination; a digest for content without a name. */
  name: string;
  /** What happens to its index; default: what the options say. */
  index?: PlanOptions['index'];
  /** Which of its platforms are taken; default: what the options say. */
  platforms?: PlanOptions['platforms'];
}

export interface PlanOptions extends GraphOptions {
  /** Also copy what is attached to the images; default true. */
  referrers?: boolean | undefined;
  /** Maximum number of requests at the same time; default 8. */
  concurrency?: number | undefined;
  /** Adds details to the error of an image that cannot be planned; by default only its name is added. */
  explain?: ((name: string, error: unknown) => unknown) | undefined;
  /** Leave out images that cannot be planned; default: the first failure aborts the plan. */
  keepGoing?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Awaited for each image once it is read, while others are still being read. */
  onRead?: ((image: ImageTrees) => Promise<void>) | undefined;
}

export interface PlannedImage {
  name: string;
  root: Descriptor;
  /** The root at the source, if `root` is an index made from it. */
  original: Descriptor | undefined;
  platforms: Platform[];
  /** Bytes of everything the image needs, including content that it shares with others. */
  size: number;
  /** Number of manifests attached to it. */
  referrers: number;
  /** Children of its indexes that are left out on purpose. */
  absent: Digest[];
  /** Digests of everything it needs, including attachments. */
  contents: ReadonlySet<Digest>;
  /** Names to set when all of its content is copied: its own, and those of attachments that cosign's tags name. */
  names: { name: string; descriptor: Descriptor }[];
}

export interface Plan {
  images: PlannedImage[];
  /** Each blob once, largest first. */
  blobs: PlannedContent[];
  /** Each manifest once, in levels: a manifest refers only to manifests of lower levels. */
  levels: PlannedContent[][];
  /** The manifests of all levels, in order. */
  manifests: PlannedContent[];
  /** Bytes of all blobs and manifests. */
  bytes: number;
  failures: { name: string; error: unknown }[];
  /** Returns what must be pushed before a planned manifest. */
  successorsOf(manifest: Digest): readonly Digest[];
}

/** An image that was read, with everything that a copy of it needs. */
export interface ImageTrees {
  name: string;
  /** The root at the source, as the source describes it. */
  original: Resolved;
  tree: ManifestTree;
  attached: AttachedTree[];
  /**
   * Of an original that a conversion keeps: the name of the image that was made of it. The original has its digest for a
   * name, and a destination that gives its only image a name passes it over.
   */
  beside?: string;
  /** Annotations that the destination should add to the entry of the root. */
  annotations?: Record<string, string>;
}

/** Makes the plan for images that were read, or made from others. */
export function assemblePlan(images: readonly ImageTrees[], failures: Plan['failures'] = []): Plan {
  const trees = images.flatMap(({ tree, attached }) => [tree, ...attached.map((referrer) => referrer.tree)]);
  return { ...assemble(trees), images: images.map(plannedImage), failures };
}

/** Returns how many images these are, and the bytes of their blobs, each counted once. */
export function sizeOf(images: readonly ImageTrees[]): { images: number; bytes: number } {
  const sizes = new Map<Digest, number>();
  const visit = ({ blobs, children }: ManifestTree): void => {
    for (const { descriptor } of blobs) sizes.set(descriptor.digest, descriptor.size);
    children.forEach(visit);
  };
  for (const { tree } of images) visit(tree);
  return { images: images.length, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

/** Returns what is known of an image that was read. */
export function plannedImage({ name, original, tree, attached, annotations }: ImageTrees): PlannedImage {
  const trees = [tree, ...attached.map((referrer) => referrer.tree)];
  const contents = new Map(
    trees.flatMap(contentsOf).map(({ descriptor }) => [descriptor.digest, descriptor.size]),
  );
  const root = withAnnotations(withAbsent(tree.content.descriptor, tree.absent), annotations);
  const names = attached.flatMap(({ tag, name: held, tree: { content: manifest } }) =>
    tag === undefined ? [] : [{ name: siblingName(name, tag, held), descriptor: manifest.descriptor }],
  );
  return {
    name,
    root,
    original: original.digest === root.digest ? undefined : plainDescriptor(original),
    platforms: tree.platforms,
    size: [...contents.values()].reduce((sum, size) => sum + size, 0),
    referrers: attached.length,
    absent: tree.absent,
    contents: new Set(contents.keys()),
    names: [{ name, descriptor: root }, ...names],
  };
}

function withAnnotations(
  descriptor: Descriptor,
  annotations: Record<string, string> | undefined,
): Descriptor {
  return annotations === undefined
    ? descriptor
    : { ...descriptor, annotations: { ...descriptor.annotations, ...annotations } };
}

/** Lists all content in a fixed order: blobs by size and digest, manifests by level and digest. */
function assemble(
  trees: readonly ManifestTree[],
): Pick<Plan, 'blobs' | 'levels' | 'manifests' | 'bytes' | 'successorsOf'> {
  const blobs = new Map<Digest, PlannedContent>();
  const manifests = new Map<Digest, { content: PlannedContent; level: number; successors: Digest[] }>();
  const visit = (tree: ManifestTree): number => {
    if (tree.isBlob) {
      blobs.set(tree.content.descriptor.digest, tree.content);
      return -1;
    }
    for (const blob of tree.blobs)
      if (!blobs.has(blob.descriptor.digest)) blobs.set(blob.descriptor.digest, blob);
    const level = 1 + Math.max(-1, ...tree.children.map(visit));
    const successors = [...tree.blobs, ...tree.children.map(({ content: manifest }) => manifest)].map(
      (content) => content.descriptor.digest,
    );
    manifests.set(tree.content.descriptor.digest, { content: tree.content, level, successors });
    return level;
  };
  for (const tree of trees) visit(tree);

  const levels: PlannedContent[][] = [];
  const sorted = [...manifests.values()].sort((a, b) =>
    compareText(a.content.descriptor.digest, b.content.descriptor.digest),
  );
  for (const { content, level } of sorted) {
    const same = levels[level];
    if (same === undefined) levels[level] = [content];
    else same.push(content); // not push(...): an index may have tens of thousands of children
  }
  const bySize = (a: PlannedContent, b: PlannedContent): number =>
    b.descriptor.size - a.descriptor.size || compareText(a.descriptor.digest, b.descriptor.digest);
  const planned = { blobs: [...blobs.values()].sort(bySize), manifests: levels.flat() };
  return {
    ...planned,
    levels,
    bytes: [...planned.blobs, ...planned.manifests].reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    successorsOf: (digest) => manifests.get(digest)?.successors ?? [],
  };
}

function contentsOf(tree: ManifestTree): PlannedContent[] {
  return [tree.content, ...tree.blobs, ...tree.children.flatMap(contentsOf)];
}

/**
 * Returns the name for a tag in the repository of `name`. If `name` is only a digest, it returns `held`, the source's own
 * name for what has the tag, or the bare tag.
 */
export function siblingName(name: string, tag: string, held: string | undefined): string {
  if (isDigest(name)) return held ?? tag;
  const [tagged = ''] = name.split('@', 1);
  const colon = tagged.lastIndexOf(':');
  const repository = colon > tagged.lastIndexOf('/') ? tagged.slice(0, colon) : tagged;
  return name.includes('/') || repository !== name ? `${repository}:${tag}` : tag;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
