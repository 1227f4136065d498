import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import type { Platform } from '../content/platform.js';
import { type Manifest, parseManifest } from '../manifest/manifest.js';
import type { Source } from '../store/store.js';

/** A manifest and all that it needs, after platforms were chosen; or a blob that has a name, and needs nothing. */
export interface ManifestTree {
  /** The bytes of a manifest are in memory: they were read, or made by leaving out children. */
  content: PlannedContent;
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
export function bytesOf({ content: { bytes, descriptor } }: ManifestTree): Buffer {
  if (bytes === undefined) throw new Error(`${descriptor.digest} is a blob`);
  return bytes;
}

/** The parsed manifest: documents that a conversion made are parsed when they are first asked for. */
export function manifestOf(tree: ManifestTree): Manifest {
  const { content } = tree;
  content.manifest ??= parseManifest(bytesOf(tree), content.descriptor);
  return content.manifest;
}

/** The manifest of a tree and those under it. */
export function manifestsOf({ content: manifest, children }: ManifestTree): Descriptor[] {
  return [manifest.descriptor, ...children.flatMap(manifestsOf)];
}

/** The images of a tree: those with a platform, since attestations and artifacts have none. */
export function imagesOf(tree: ManifestTree): ManifestTree[] {
  if (tree.children.length > 0) return tree.children.flatMap(imagesOf);
  return tree.platforms.length > 0 ? [tree] : [];
}

/** Where content comes from: of a store, what reading one piece of it takes. */
export type ContentSource = Pick<Source, 'fetch' | 'region'>;

export interface PlannedContent {
  descriptor: Descriptor;
  source: ContentSource;
  /** The content itself, where planning has read or made it. */
  bytes?: Buffer | undefined;
  /** The same, parsed, where it is a manifest that was read. */
  manifest?: Manifest | undefined;
  /** Whether it comes from what the output held before, and so over no network. */
  isReused?: boolean;
}
