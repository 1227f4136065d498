import { ANNOTATION } from '../../content/annotations.js';
import {
  choosePlatform,
  choosePlatformOrFirst,
  type PlatformCandidate,
} from '../../content/choose-platform.js';
import type { Descriptor } from '../../content/descriptor.js';
import { isImageConfig, isIndex, isZstd } from '../../content/media-types.js';
import { nameKey } from '../../content/names.js';
import { DEFAULT_PLATFORM, type Platform } from '../../content/platform.js';
import { formatFamiliar, readReference } from '../../content/reference.js';
import { keptAs } from '../../manifest/artifact.js';
import { isEncrypted } from '../../manifest/layer-types.js';
import type { ImageManifest, Manifest } from '../../manifest/manifest.js';
import { isAttachmentTag } from '../attached.js';
import { entryKey, entryName } from '../layout/layout-index.js';

/** Returns a manifest of the archive that is being written; undefined if the archive does not have it. */
export type ManifestLookup = (descriptor: Descriptor) => Manifest | undefined;

/** An image in a docker-archive's `manifest.json`. (moby, image/tarexport, `manifestItem`) */
export interface DockerManifestItem {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

export interface DockerImageOptions {
  /** The wanted platform; default linux/amd64. */
  platform?: Platform | undefined;
  /** Returns true if the archive has a blob; default: it has all of them. */
  isHeld?: ((descriptor: Descriptor) => boolean) | undefined;
  /** Returns the platform of an image whose index does not state it, from its config, as engines do. */
  platformOf?: ((image: ImageManifest) => Platform | undefined) | undefined;
  /** Returns true if Docker's half named this image before; it is then kept, unless a `platform` is given. */
  wasNamed?: ((image: ImageManifest) => boolean) | undefined;
}

/**
 * Returns the image that Docker's half of an archive names for a root: the root itself, or for an index its image for
 * `platform`, or else for the platform of its first image. Among several for the same platform, complete and
 * unencrypted ones are preferred, but never another platform. Returns undefined if there is no image.
 */
export function dockerImageOf(
  root: Descriptor,
  manifestOf: ManifestLookup,
  options: DockerImageOptions = {},
): ImageManifest | undefined {
  const { platform = DEFAULT_PLATFORM, isHeld = () => true, platformOf, wasNamed } = options;
  const all = [...imagesUnder(root, manifestOf, undefined)].map((image) => ({
    ...image,
    platform: image.platform ?? platformOf?.(image.manifest),
  }));
  const before = options.platform === undefined && wasNamed !== undefined;
  const named = before ? all.filter(({ manifest }) => wasNamed(manifest)) : [];
  if (named.length === 1) return named[0]?.manifest;
  const readable = all.filter(({ manifest }) =>
    manifest.layers.every((layer) => isHeld(layer) && !isEncrypted(layer.mediaType)),
  );
  const chosen =
    choosePlatform(platform, readable) ??
    choosePlatform(platform, all) ??
    choosePlatformOrFirst(platform, readable) ??
    choosePlatformOrFirst(platform, all);
  return chosen?.manifest;
}

function* imagesUnder(
  descriptor: Descriptor,
  manifestOf: ManifestLookup,
  platform: Platform | undefined,
): Iterable<{ manifest: ImageManifest } & PlatformCandidate> {
  const manifest = manifestOf(descriptor);
  if (manifest === undefined) return;
  if (isIndex(descriptor.mediaType) && 'manifests' in manifest) {
    for (const child of manifest.manifests) yield* imagesUnder(child, manifestOf, child.platform);
  } else if (isDockerImage(manifest) && platform?.os !== 'unknown') {
    yield { manifest, platform, hasZstd: manifest.layers.some(({ mediaType }) => isZstd(mediaType)) };
  }
}

/** True if a manifest is an image that `docker load` can read, not an artifact or schema1. */
export function isDockerImage(manifest: Manifest): manifest is ImageManifest {
  return 'layers' in manifest && isImageConfig(manifest.config.mediaType) && keptAs(manifest) === undefined;
}

/** Returns the entries that belong in `manifest.json`, sorted by name, without attachments. */
export function dockerEntries(entries: readonly Descriptor[]): Descriptor[] {
  const named = entries.filter((entry) => !isAttachment(entry));
  return named.sort((a, b) => ((entryName(a) ?? '') < (entryName(b) ?? '') ? -1 : 1));
}

/**
 * Returns `manifest.json` for the entries of a layout: names of the same image are gathered, attachments left out.
 * `pathOf` returns the path of a blob in the archive. Images for which `isLast` is true come last, because `docker
 * load` stops at the first one that it refuses.
 */
export function dockerManifest(
  entries: readonly Descriptor[],
  imageOf: (entry: Descriptor) => ImageManifest | undefined,
  pathOf: (descriptor: Descriptor) => string,
  isLast: (image: ImageManifest) => boolean = () => false,
): DockerManifestItem[] {
  const items = new Map<string, DockerManifestItem>();
  const last = new Set<DockerManifestItem>();
  const taken = new Set<string>();
  const held = new Set(entries.map(entryKey));
  for (const entry of dockerEntries(entries)) {
    const image = imageOf(entry);
    if (image === undefined) continue;
    const key = image.config.digest + image.layers.map(({ digest }) => digest).join();
    const item = items.get(key) ?? {
      Config: pathOf(image.config),
      RepoTags: null,
      Layers: image.layers.map(pathOf),
    };
    const repoTag = repoTagOf(entryName(entry));
    // If two images are called `app:1` and `app:1@sha256:…`, only the first gets the tag; Docker would give it to the
    // last.
    const isFree = (tag: string): boolean =>
      !taken.has(tag) && (entryKey(entry) === nameKey(tag) || !held.has(nameKey(tag)));
    if (repoTag !== undefined && isFree(repoTag)) {
      item.RepoTags = [...(item.RepoTags ?? []), repoTag];
      taken.add(repoTag);
    }
    items.set(key, item);
    if (isLast(image)) last.add(item);
  }
  const all = [...items.values()];
  return [...all.filter((item) => !last.has(item)), ...last];
}

function isAttachment(entry: Descriptor): boolean {
  const name = entryName(entry);
  if (name !== undefined) return isAttachmentTag(name.slice(name.lastIndexOf(':') + 1));
  return entry.annotations?.[ANNOTATION.containerdSubject] !== undefined;
}

/** Returns the short form of a name with a tag, as Docker writes it; undefined without a tag. */
function repoTagOf(name: string | undefined): string | undefined {
  const read = name === undefined ? undefined : readReference(name);
  if (read?.tag === undefined) return undefined;
  const { digest: _, ...reference } = read;
  return formatFamiliar(reference);
}
