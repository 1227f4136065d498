import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { isSchema1 } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { isLadingError } from '../../errors.js';
import { parseCarriedConfig } from '../../manifest/config.js';
import { platformOf } from '../../manifest/convert/platform-of.js';
import type { ImageManifest, Manifest } from '../../manifest/manifest.js';
import { entryName } from '../layout/layout-index.js';
import {
  type DockerManifestItem,
  dockerEntries,
  dockerManifest,
  isDockerImage,
  type ManifestLookup,
} from './docker-manifest.js';
import { type DockerJudgement, type DockerRefusal, dockerRefusalOf } from './docker-refusal.js';

/** The contents that `manifest.json` is made from. */
export interface DockerContents extends Omit<DockerJudgement, 'config'> {
  imageOf: (entry: Descriptor) => ImageManifest | undefined;
  /** Returns the bytes of a config; undefined if the archive does not have it. */
  configOf: (config: Descriptor) => Promise<Buffer | undefined>;
  pathOf: (descriptor: Descriptor) => string;
  /** True if the archive has no other half. Then it contains even what Docker refuses, for podman and skopeo. */
  isAlone: boolean;
}

const SCHEMA1: DockerRefusal = { reason: 'schema1, which a conversion makes newer', isEvery: true };

/**
 * Returns the items of `manifest.json`, and warnings about images that `docker load` refuses, which also stops it
 * there. Images that no version of Docker loads are left out if the archive has another half, and come last otherwise,
 * as do those that only some versions load.
 */
export async function dockerHalf(
  entries: readonly Descriptor[],
  contents: DockerContents,
): Promise<{ items: DockerManifestItem[]; warnings: string[] }> {
  const { imageOf, pathOf, isAlone } = contents;
  const refusals = new Map<string, DockerRefusal | undefined>();
  const refused = new Map<DockerRefusal['reason'], { names: string[]; isLeftOut: boolean }>();
  for (const entry of dockerEntries(entries)) {
    const image = imageOf(entry);
    const refusal = image === undefined ? refusalOfOther(entry) : await refusalOf(image, contents, refusals);
    if (refusal === undefined || refusal.isReportedBefore) continue;
    const { names } = refused.get(refusal.reason) ?? { names: [] };
    const isLeftOut = image === undefined || (refusal.isEvery && !isAlone);
    refused.set(refusal.reason, { names: [...names, entryName(entry) ?? entry.digest], isLeftOut });
  }
  const refusalFor = (image: ImageManifest): DockerRefusal | undefined => refusals.get(keyOf(image));
  const listed = (entry: Descriptor): ImageManifest | undefined => {
    const image = imageOf(entry);
    return image !== undefined && !isAlone && refusalFor(image)?.isEvery ? undefined : image;
  };
  return {
    items: dockerManifest(entries, listed, pathOf, (image) => refusalFor(image) !== undefined),
    warnings: [...refused].map(([reason, { names, isLeftOut }]) => warningOf(reason, names, isLeftOut)),
  };
}

/** Judges each image once, however many names it has. */
async function refusalOf(
  image: ImageManifest,
  { configOf, ...judgement }: DockerContents,
  refusals: Map<string, DockerRefusal | undefined>,
): Promise<DockerRefusal | undefined> {
  const key = keyOf(image);
  if (!refusals.has(key))
    refusals.set(key, dockerRefusalOf(image, { ...judgement, config: await configOf(image.config) }));
  return refusals.get(key);
}

/**
 * Returns why something that is not an image is refused; undefined for artifacts, which nobody expects Docker to load.
 */
function refusalOfOther({ mediaType }: Descriptor): DockerRefusal | undefined {
  return isSchema1(mediaType) ? SCHEMA1 : undefined;
}

function keyOf({ config, layers }: ImageManifest): string {
  return [config, ...layers].map(({ digest }) => digest).join();
}

const MOST_NAMES = 3;

function warningOf(reason: string, names: readonly string[], isLeftOut: boolean): string {
  const others = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  const shown = `${names.slice(0, MOST_NAMES).join(', ')}${others}`;
  return isLeftOut
    ? `docker load does not load ${shown}: ${reason}; left out of manifest.json, which it reads`
    : `docker load stops at ${shown}: ${reason}; what it loads stands before`;
}

/** Returns the platforms of images that an index lists without a platform, by their configs. */
export async function unstatedPlatforms(
  manifests: readonly Manifest[],
  manifestOf: ManifestLookup,
  configOf: DockerContents['configOf'],
): Promise<Map<Digest, Platform>> {
  const platforms = new Map<Digest, Platform>();
  for (const child of manifests.flatMap((each) => ('manifests' in each ? each.manifests : []))) {
    const image = manifestOf(child);
    if (child.platform !== undefined || image === undefined || !isDockerImage(image)) continue;
    const bytes = await configOf(image.config);
    const platform = bytes && platformIn(bytes, image.config);
    if (platform !== undefined) platforms.set(image.config.digest, platform);
  }
  return platforms;
}

/** Returns undefined if a config does not state the platform, or is not valid. */
function platformIn(bytes: Buffer, config: Descriptor): Platform | undefined {
  try {
    return platformOf(parseCarriedConfig(bytes, config.digest, config));
  } catch (error) {
    if (isLadingError(error, 'INVALID_MANIFEST')) return undefined;
    throw error;
  }
}
