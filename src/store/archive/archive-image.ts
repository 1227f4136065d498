import { AmbiguousArchive } from '../../content/ambiguous.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { formatReference, parseReference, withDefaultTag } from '../../content/reference.js';
import { ContentError, isLadingError, type LadingError } from '../../errors.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { shorten } from '../../manifest/json/json.js';
import { MAX_MANIFEST_BYTES } from '../../manifest/manifest.js';
import { nameAnnotations } from '../layout/layout-index.js';
import type { NamedFiles } from './named-files.js';

export interface DescribeOptions extends HashingOptions {
  /** Told of names that are none. */
  onWarning?: ((message: string) => void) | undefined;
}

/** An image of an archive that has no manifests: one was made of what is there. */
export interface ArchiveImage {
  manifest: Descriptor;
  config: Digest;
  layers: readonly Descriptor[];
  /** Full references. */
  names: readonly string[];
  /** The names as `manifest.json` has them, those that are none among them. */
  repoTags?: readonly string[] | undefined;
}

/** An image of an archive of which no manifest can be made: something that it needs is not there, or is not valid. */
export interface BrokenImage {
  /** Full references. */
  names: readonly string[];
  /** The names as `manifest.json` has them. */
  repoTags?: readonly string[] | undefined;
  /** Names the image. */
  error: LadingError;
}

/**
 * What `read` makes of one image of several. What is wrong with that image alone does not keep the others from being
 * read; an archive that misleads its readers does, and so does one that cannot be read.
 */
export async function readOrBroken<T>(
  { names, repoTags, label }: { names: readonly string[]; repoTags?: readonly string[]; label: string },
  read: () => Promise<T> | T,
): Promise<T | BrokenImage> {
  try {
    return await read();
  } catch (error) {
    const isOfImage = error instanceof ContentError || isLadingError(error, 'UNSUPPORTED');
    if (!isOfImage || error instanceof AmbiguousArchive) throw error;
    return { names, repoTags, error: namingImage(error, names[0] ?? label, label) };
  }
}

function namingImage(error: LadingError, name: string, label: string): LadingError {
  const isNamed = error.message.includes(name) || error.message.includes(label);
  return isNamed ? error : error.withMessage(`${error.message}; ${name} needs it`);
}

export function isBroken<T extends object>(image: T | BrokenImage): image is BrokenImage {
  return 'error' in image;
}

/**
 * Makes the manifest of an image from its parts as they are stored. The bytes depend on nothing else, and are
 * in the order of containers/image, so that the same archive gives the same digest at every run.
 */
export function makeImage(
  files: NamedFiles,
  { config, layers, names }: { config: Descriptor; layers: readonly Descriptor[]; names: readonly string[] },
): ArchiveImage {
  const mediaType = MEDIA_TYPE.dockerManifest;
  const document = { schemaVersion: 2, mediaType, config: ordered(config), layers: layers.map(ordered) };
  const bytes = Buffer.from(JSON.stringify(document));
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw new ContentError(
      'TOO_LARGE',
      `${files.location} has an image of ${layers.length} layers, too many for a manifest`,
    );
  }
  return {
    manifest: { mediaType, digest: files.addDocument(bytes), size: bytes.byteLength },
    config: config.digest,
    layers,
    names,
  };
}

function ordered({ mediaType, size, digest, urls }: Descriptor): Partial<Descriptor> {
  return { mediaType, size, digest, ...(urls !== undefined && { urls }) };
}

/** A name as an archive has it → the full reference; undefined for what is no name. */
export function archiveName(text: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (isLadingError(error, 'INVALID_REFERENCE')) return undefined;
    throw error;
  }
}

/** What Docker writes for an image without a name. */
const NO_NAME = '<none>:<none>';

/**
 * The names of an image, and one line about each that is none: the image stays, under its other names or by its
 * digest.
 */
export function archiveNames(
  { repoTags, tagProblems = [] }: { repoTags: readonly string[]; tagProblems?: readonly string[] },
  where: string,
): { names: string[]; warnings: string[] } {
  const names = repoTags.map(archiveName);
  const problems = [
    ...repoTags
      .filter((tag, place) => names[place] === undefined && tag !== NO_NAME)
      .map((tag) => `"${shorten(tag)}" is not the name of an image, and is left out`),
    ...tagProblems,
  ];
  return {
    names: names.filter((name) => name !== undefined),
    warnings: problems.map((problem) => `${where}: ${problem}`),
  };
}

/**
 * The images as entries of a layout's index: one for each name, and one for each image without a name. Where
 * two images claim a name the later has it, as after `docker load`.
 */
export function entriesOf(images: readonly Pick<ArchiveImage, 'manifest' | 'names'>[]): Descriptor[] {
  const holders = new Map(
    images.flatMap((image) => image.names.map((name) => [name, image.manifest.digest])),
  );
  const entries = new Map<string, Descriptor>();
  for (const { manifest, names } of images) {
    const own = names.filter((name) => holders.get(name) === manifest.digest);
    for (const name of own.length > 0 ? own : [manifest.digest]) entries.set(name, entryOf(manifest, name));
  }
  return [...entries.values()];
}

/** An entry of a layout's index; a digest as name leaves it unnamed. */
export function entryOf(manifest: Descriptor, name: string): Descriptor {
  return isDigest(name) ? manifest : { ...manifest, annotations: nameAnnotations(name) };
}
