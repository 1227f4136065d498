import { AmbiguousArchive } from '../../content/ambiguous.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { MEDIA_TYPE } from '../../content/media-types.js';
import { formatReference, readReference, withDefaultTag } from '../../content/reference.js';
import { ContentError, isLadingError, type LadingError } from '../../errors.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { shorten } from '../../manifest/json/json.js';
import { MAX_MANIFEST_BYTES } from '../../manifest/manifest.js';
import { nameAnnotations } from '../layout/layout-index.js';
import type { NamedFiles } from './named-files.js';

export interface DescribeOptions extends HashingOptions {
  /** Called with a message for each invalid name. */
  onWarning?: ((message: string) => void) | undefined;
}

/** An image of an archive without manifests, whose manifest was made from what is there. */
export interface ArchiveImage {
  manifest: Descriptor;
  config: Digest;
  layers: readonly Descriptor[];
  /** Full references. */
  names: readonly string[];
  /** The names in `manifest.json`, including invalid ones. */
  repoTags?: readonly string[] | undefined;
}

/** An image for which no manifest can be made, because something that it needs is missing or invalid. */
export interface BrokenImage {
  /** Full references. */
  names: readonly string[];
  /** The names in `manifest.json`. */
  repoTags?: readonly string[] | undefined;
  /** The reason; its message names the image. */
  error: LadingError;
}

/**
 * Returns the result of `read` for one of several images, or a `BrokenImage`. An error of that image alone does not
 * prevent reading the others; an archive that is ambiguous or cannot be read is still an error.
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
 * Makes the manifest of an image from its parts as they are stored. The bytes depend on nothing else and have the
 * member order of containers/image, so the same archive always gives the same digest.
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

/** Returns the full reference for a name in an archive; undefined if the name is invalid. */
export function archiveName(text: string): string | undefined {
  const reference = readReference(text);
  return reference && formatReference(withDefaultTag(reference));
}

/** The name that Docker writes for an image without one. */
const NO_NAME = '<none>:<none>';

/**
 * Returns the names of an image, and a warning for each invalid one. The image is kept, under its other names or its
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
 * Returns the images as entries of a layout's index: one per name, and one per image without a name. If two images
 * claim a name the later one has it, as after `docker load`.
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

/** Returns an entry of a layout's index; if the name is a digest, the entry is unnamed. */
export function entryOf(manifest: Descriptor, name: string): Descriptor {
  return isDigest(name) ? manifest : { ...manifest, annotations: nameAnnotations(name) };
}
