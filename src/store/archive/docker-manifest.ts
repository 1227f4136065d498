import { ANNOTATION } from '../../content/annotations.js';
import { choosePlatformOrFirst, type PlatformCandidate } from '../../content/choose-platform.js';
import type { Descriptor } from '../../content/descriptor.js';
import { isIndex, isNonDistributable, isZstd, MEDIA_TYPE } from '../../content/media-types.js';
import { nameKey } from '../../content/names.js';
import { DEFAULT_PLATFORM, type Platform } from '../../content/platform.js';
import { formatFamiliar, parseReference } from '../../content/reference.js';
import { isLadingError } from '../../errors.js';
import { keptAs } from '../../manifest/artifact.js';
import type { ImageManifest, Manifest } from '../../manifest/manifest.js';
import { isAttachmentTag } from '../attached.js';
import { entryKey, entryName } from '../layout/layout-index.js';

/** The manifests of an archive that is being written; undefined for what it does not hold. */
export type ManifestLookup = (descriptor: Descriptor) => Manifest | undefined;

/** One image of a docker-archive's `manifest.json`. (moby, image/tarexport, `manifestItem`) */
export interface DockerManifestItem {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
}

const IMAGE_CONFIGS = new Set<string>([MEDIA_TYPE.ociConfig, MEDIA_TYPE.dockerConfig]);

/**
 * The image that Docker's half of an archive names for a root: the root itself, or of an index the one that stands for
 * `platform` (default linux/amd64), or for that of its first image. Undefined where there is none that Docker can run.
 */
export function dockerImageOf(
  root: Descriptor,
  manifestOf: ManifestLookup,
  platform: Platform = DEFAULT_PLATFORM,
): ImageManifest | undefined {
  return choosePlatformOrFirst(platform, [...imagesUnder(root, manifestOf, undefined)])?.manifest;
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
  } else if (
    'layers' in manifest &&
    IMAGE_CONFIGS.has(manifest.config.mediaType) &&
    keptAs(manifest) === undefined &&
    platform?.os !== 'unknown'
  ) {
    const types = manifest.layers.map(({ mediaType }) => mediaType);
    if (!types.some(isNonDistributable)) yield { manifest, platform, hasZstd: types.some(isZstd) };
  }
}

/**
 * `manifest.json` for the named entries of a layout: names of one image are gathered, attachments left out.
 * `pathOf` tells where a blob stands in the archive.
 */
export function dockerManifest(
  entries: readonly Descriptor[],
  imageOf: (entry: Descriptor) => ImageManifest | undefined,
  pathOf: (descriptor: Descriptor) => string,
): DockerManifestItem[] {
  const items = new Map<string, DockerManifestItem>();
  const taken = new Set<string>();
  const held = new Set(entries.map(entryKey));
  const named = entries.filter((entry) => !isAttachment(entry));
  for (const entry of named.sort((a, b) => ((entryName(a) ?? '') < (entryName(b) ?? '') ? -1 : 1))) {
    const image = imageOf(entry);
    if (image === undefined) continue;
    const key = image.config.digest + image.layers.map(({ digest }) => digest).join();
    const item = items.get(key) ?? {
      Config: pathOf(image.config),
      RepoTags: null,
      Layers: image.layers.map(pathOf),
    };
    const repoTag = repoTagOf(entryName(entry));
    // Of `app:1` and `app:1@sha256:…`, which are two images, the first has the tag: Docker would take the last.
    const isFree = (tag: string): boolean =>
      !taken.has(tag) && (entryKey(entry) === nameKey(tag) || !held.has(nameKey(tag)));
    if (repoTag !== undefined && isFree(repoTag)) {
      item.RepoTags = [...(item.RepoTags ?? []), repoTag];
      taken.add(repoTag);
    }
    items.set(key, item);
  }
  return [...items.values()];
}

function isAttachment(entry: Descriptor): boolean {
  const name = entryName(entry);
  if (name !== undefined) return isAttachmentTag(name.slice(name.lastIndexOf(':') + 1));
  return entry.annotations?.[ANNOTATION.containerdSubject] !== undefined;
}

/** Docker takes names with a tag only, and writes them in their short form. */
function repoTagOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    const { digest: _, ...reference } = parseReference(name);
    return reference.tag === undefined ? undefined : formatFamiliar(reference);
  } catch (error) {
    if (isLadingError(error, 'INVALID_REFERENCE')) return undefined;
    throw error;
  }
}
