import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { Platform } from '../content/platform.js';
import { type Manifest, parseManifest } from '../manifest/manifest.js';
import type { Source } from '../store/store.js';

/** A manifest with everything it needs, after platforms were chosen; or a named blob, which needs nothing else. */
export interface ManifestTree {
  /** A manifest's bytes are in memory: they were read, or made by leaving out children. */
  content: PlannedContent;
  /** True if it is a blob, not a manifest: the index of a layout may name any content. (image-spec, image-layout.md) */
  isBlob?: boolean;
  children: ManifestTree[];
  blobs: PlannedContent[];
  /** Digests of children that were left out, here and below. */
  absent: Digest[];
  /** Platforms of the images in this tree. */
  platforms: Platform[];
  /** Foreign layers that stay where their `urls` point. */
  foreign?: Descriptor[] | undefined;
  /** Platforms of the images that this one replaces. */
  leftOut?: Platform[] | undefined;
}

/** Returns the bytes of a manifest. */
export function bytesOf({ content: { bytes, descriptor } }: ManifestTree): Buffer {
  if (bytes === undefined) throw new Error(`${descriptor.digest} is a blob`);
  return bytes;
}

/** Returns the parsed manifest; a document that a conversion made is parsed on first use. */
export function manifestOf(tree: ManifestTree): Manifest {
  const { content } = tree;
  content.manifest ??= parseManifest(bytesOf(tree), content.descriptor);
  return content.manifest;
}

/** Returns the descriptors of a tree's manifest and of all manifests below it. */
export function manifestsOf({ content: manifest, children }: ManifestTree): Descriptor[] {
  return [manifest.descriptor, ...children.flatMap(manifestsOf)];
}

/** Returns the images of a tree: the manifests with a platform, since attestations and artifacts have none. */
export function imagesOf(tree: ManifestTree): ManifestTree[] {
  if (tree.children.length > 0) return tree.children.flatMap(imagesOf);
  return tree.platforms.length > 0 ? [tree] : [];
}

/** The part of a `Source` that is needed to read one piece of content. */
export type ContentSource = Pick<Source, 'fetch' | 'region'> & Partial<Pick<Source, 'isLocal' | 'location'>>;

export interface PlannedContent {
  descriptor: Descriptor;
  source: ContentSource;
  /** The content itself, if planning has read or made it. */
  bytes?: Buffer | undefined;
  /** The parsed content, if it is a manifest that was read. */
  manifest?: Manifest | undefined;
  /** True if the content comes from what the output already held, so that nothing is downloaded. */
  isReused?: boolean;
}
