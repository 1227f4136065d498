import { attestedDigest } from '../content/annotations.js';
import { choosePlatform, choosePlatformOrFirst, type PlatformCandidate } from '../content/choose-platform.js';
import type { Descriptor } from '../content/descriptor.js';
import { digestOf } from '../content/digest.js';
import { isManifest, isZstd } from '../content/media-types.js';
import { DEFAULT_PLATFORM, type Platform } from '../content/platform.js';
import { keptAs } from '../manifest/artifact.js';
import { isEncrypted } from '../manifest/layer-types.js';
import { rewriteIndex } from '../manifest/rewrite-index.js';
import { bytesOf, imagesOf, type ManifestTree, manifestOf } from './tree.js';

/**
 * Returns the image that replaces an index. Its `leftOut` lists the other platforms of the index, unless the user chose
 * platforms without them.
 */
export function singleOfIndex(
  kept: readonly ManifestTree[],
  manifests: readonly Descriptor[],
  children: readonly (ManifestTree | undefined)[],
  { wanted, isChosen }: { wanted: readonly Platform[]; isChosen: boolean },
): ManifestTree | undefined {
  const chosen = singleOf(kept, wanted);
  if (chosen === undefined) return undefined;
  const others = kept.flatMap(imagesOf).filter((image) => image !== chosen);
  const unread = manifests.filter(
    (child, place) => !isChosen && children[place] === undefined && attestedDigest(child) === undefined,
  );
  const leftOut = [
    ...others.flatMap(({ platforms }) => platforms),
    ...unread.flatMap(({ platform }) => platform ?? []),
  ];
  return { ...chosen, leftOut: [...leftOut, ...(chosen.leftOut ?? [])] };
}

/** Returns the index without the children that are left out: it has new bytes, and so a new digest. */
export function rewritten(
  tree: ManifestTree,
  manifests: readonly Descriptor[],
  children: readonly (ManifestTree | undefined)[],
): ManifestTree {
  const replacements = new Map(
    manifests.map((child, place) => [child.digest, children[place]?.content.descriptor]),
  );
  const bytes = rewriteIndex(bytesOf(tree), (child) =>
    isManifest(child.mediaType) ? replacements.get(child.digest) : child,
  );
  const descriptor = { ...tree.content.descriptor, digest: digestOf(bytes), size: bytes.byteLength };
  return { ...tree, content: { ...tree.content, descriptor, bytes, manifest: undefined }, absent: [] };
}

/**
 * Chooses the one image for a format that can hold only one: the default platform's, or else the first image of the
 * tree.
 */
export function firstImage(tree: ManifestTree): ManifestTree | undefined {
  return choosePlatformOrFirst(DEFAULT_PLATFORM, candidatesOf(imagesOf(tree)))?.tree;
}

/** Chooses, from the wanted children of an index, the image that fits the first wanted platform. */
function singleOf(children: readonly ManifestTree[], wanted: readonly Platform[]): ManifestTree | undefined {
  const images = candidatesOf(children.flatMap(imagesOf));
  const chosen = wanted
    .map((platform) => choosePlatform(platform, images))
    .find((image) => image !== undefined);
  return chosen?.tree ?? children[0];
}

/**
 * Artifacts may have platforms too, and encrypted layers can be read only with a key, so images that can be run are
 * preferred to both.
 */
function candidatesOf(trees: readonly ManifestTree[]): (PlatformCandidate & { tree: ManifestTree })[] {
  const running = trees.filter(runs);
  return (running.length > 0 ? running : trees).map(candidateOf);
}

function runs(tree: ManifestTree): boolean {
  const manifest = manifestOf(tree);
  if (keptAs(manifest) !== undefined) return false;
  return !tree.blobs.some(({ descriptor }) => isEncrypted(descriptor.mediaType));
}

function candidateOf(tree: ManifestTree): PlatformCandidate & { tree: ManifestTree } {
  const hasZstd = tree.blobs.some(({ descriptor }) => isZstd(descriptor.mediaType));
  return { tree, platform: tree.platforms[0], hasZstd };
}
