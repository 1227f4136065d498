import { choosePlatform, choosePlatformOrFirst, type PlatformCandidate } from '../content/choose-platform.js';
import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isZstd } from '../content/media-types.js';
import { DEFAULT_PLATFORM, type Platform } from '../content/platform.js';
import { keptAs } from '../manifest/artifact.js';
import { isEncrypted } from '../manifest/layer-types.js';
import { parseManifest } from '../manifest/manifest.js';
import type { Source } from '../store/store.js';

/** A manifest and all that it needs, after platforms were chosen; or a blob that has a name, and needs nothing. */
export interface ManifestTree {
  /** The bytes of a manifest are in memory: they were read, or made by leaving out children. */
  manifest: PlannedContent;
  /** Whether it is no manifest: the index of a layout may name any content. (image-spec, image-layout.md) */
  isBlob?: boolean;
  children: ManifestTree[];
  blobs: PlannedContent[];
  /** Children left out, here and below. */
  absent: Digest[];
  /** Of the images under it. */
  platforms: Platform[];
  /** Foreign layers that stay where their `urls` point. */
  foreign?: Descriptor[] | undefined;
  /** Of the images that the one chosen stands for alone. */
  leftOut?: Platform[] | undefined;
}

/** The bytes of a manifest. */
export function bytesOf({ manifest: { bytes, descriptor } }: ManifestTree): Buffer {
  if (bytes === undefined) throw new Error(`${descriptor.digest} is a blob`);
  return bytes;
}

/** Of an index's children that are wanted, the image that stands for what is wanted. */
export function singleOf(
  children: readonly ManifestTree[],
  wanted: readonly Platform[],
): ManifestTree | undefined {
  const images = candidatesOf(children.flatMap(imagesOf));
  const chosen = wanted
    .map((platform) => choosePlatform(platform, images))
    .find((image) => image !== undefined);
  return chosen?.tree ?? children[0];
}

/** The image that stands for the platform of a tree's first image, for a format that has room for one. */
export function firstImage(tree: ManifestTree): ManifestTree | undefined {
  return choosePlatformOrFirst(DEFAULT_PLATFORM, candidatesOf(imagesOf(tree)))?.tree;
}

/** The images of a tree: those with a platform, since attestations and artifacts have none. */
export function imagesOf(tree: ManifestTree): ManifestTree[] {
  if (tree.children.length > 0) return tree.children.flatMap(imagesOf);
  return tree.platforms.length > 0 ? [tree] : [];
}

/** Artifacts may have platforms too, and encrypted layers are for those who have the key: images that run go before both. */
function candidatesOf(trees: readonly ManifestTree[]): (PlatformCandidate & { tree: ManifestTree })[] {
  const running = trees.filter(runs);
  return (running.length > 0 ? running : trees).map(candidateOf);
}

function runs(tree: ManifestTree): boolean {
  const manifest = parseManifest(bytesOf(tree), tree.manifest.descriptor);
  if (keptAs(manifest) !== undefined) return false;
  return !tree.blobs.some(({ descriptor }) => isEncrypted(descriptor.mediaType));
}

function candidateOf(tree: ManifestTree): PlatformCandidate & { tree: ManifestTree } {
  const hasZstd = tree.blobs.some(({ descriptor }) => isZstd(descriptor.mediaType));
  return { tree, platform: tree.platforms[0], hasZstd };
}

/** Where content comes from: of a store, what reading one piece of it takes. */
export type ContentSource = Pick<Source, 'fetch' | 'region'>;

export interface PlannedContent {
  descriptor: Descriptor;
  source: ContentSource;
  /** The content itself, where planning has read or made it. */
  bytes?: Buffer | undefined;
  /** Whether it comes from what the output held before, and so over no network. */
  isReused?: boolean;
}
