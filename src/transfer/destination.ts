import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf, type Digest } from '../content/digest.js';
import { nameByTag, nameKey, nameOfDigest, readName } from '../content/names.js';
import { formatPlatform } from '../content/platform.js';
import { formatReference } from '../content/reference.js';
import { type Advice, LadingError, redactURL } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { type ManifestTree, manifestOf } from '../graph/tree.js';
import { keptAs } from '../manifest/artifact.js';
import { parseConfig } from '../manifest/config.js';
import { isEncrypted } from '../manifest/layer-types.js';
import type { ImageManifest } from '../manifest/manifest.js';
import { isDockerImage } from '../store/archive/docker-manifest.js';
import type { Source } from '../store/store.js';
import type { CopyOptions } from './copy.js';
import type { ImageTrees, Plan, PlannedImage } from './plan.js';

/**
 * A place that images are written to: an archive, a layout, a stream or a registry. For every command, `check` makes
 * sure that each image is written completely under its own name, or that the run reports what is left out. `Placed` is
 * an image with its name at the destination.
 */
export interface Destination<Placed = ImageTrees> {
  /** As users write it; `-` for a stream. */
  readonly location: string;
  /** The content of an earlier run, if it can be read now; it need not be fetched again. */
  readonly previous: Source | undefined;
  /**
   * Rejects, before the first byte is written, if an image would be lost: because another one would get its name, or
   * because it is at the destination and would be replaced. Returns the images in the form that fits the destination,
   * and warns about what does not fit.
   */
  check(images: readonly ImageTrees[], rules?: CheckRules): Placed[];
  /**
   * Returns the name that an image gets at the destination, given the result of `check`; undefined if it is left out.
   */
  nameOf(image: ImageTrees, placed: readonly Placed[]): string | undefined;
  /** Writes images that were checked: only what is missing, and names last. */
  write(images: readonly Placed[], options?: WriteOptions): Promise<WriteResult>;
  close(): Promise<void>;
}

export interface WriteOptions extends Omit<CopyOptions, 'beforeNaming' | 'pool'> {
  /** Keep images that are already there; default false. */
  append?: boolean | undefined;
  /** Images that could not be read; they are reported as failures in the result, too. */
  failures?: Plan['failures'] | undefined;
}

export interface WriteResult {
  images: WrittenImage[];
  /** Images that were there before, and are kept. */
  kept: PlannedImage[];
  /**
   * Blobs by origin: `mounted` ones came from another repository of the same registry, `present` ones were already
   * there.
   */
  blobs: { total: number; sent: number; mounted: number; present: number };
  bytes: { total: number; sent: number };
  failures: { name: string; error: unknown }[];
}

export interface WrittenImage {
  name: string;
  /** The name at the destination. */
  written: string;
  digest: Digest;
  planned: PlannedImage;
}

export interface CheckRules {
  /** Keep images that are already there; default false. */
  append?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/**
 * Gives images of an archive or layout correct and distinct names. A name by digest gets the digest of its image, and
 * of two images with the same name the second is named by its digest. `nameIn` returns the form of a name in the
 * archive.
 */
export function nameApart(
  images: readonly ImageTrees[],
  onEvent: OnCopyEvent | undefined,
  nameIn: (name: string) => string = (name) => name,
): ImageTrees[] {
  const taken = new Map<string, string>();
  const names = new Set<string>();
  const named: ImageTrees[] = [];
  for (const image of images) {
    const { digest } = image.tree.content.descriptor;
    const asked = nameIn(image.name);
    let name = nameOfDigest(asked, digest);
    if (name !== asked) warn(onEvent, `${image.name} has another digest now: it is called ${name}`);
    const other = taken.get(nameKey(name));
    if (other !== undefined && other !== digest) {
      name = byDigest(name, digest);
      const taker = asked === image.name ? '' : `${image.name}: `;
      warn(onEvent, `${taker}${asked} is ${other} and ${digest}: the second one is called ${name}`);
    }
    if (names.has(name)) continue; // the image was requested twice
    names.add(name);
    taken.set(nameKey(name), digest);
    named.push(name === image.name ? image : { ...image, name });
  }
  return named;
}

/** Returns the name of an image after `nameApart`, which drops a name that only repeats another one. */
export function nameAfter({ name, tree }: ImageTrees, named: readonly ImageTrees[]): string {
  const { digest } = tree.content.descriptor;
  const kept =
    named.find((image) => image.tree === tree) ??
    named.find(
      (image) =>
        image.tree.content.descriptor.digest === digest &&
        nameKey(nameByTag(image.name)) === nameKey(nameByTag(name)),
    );
  return kept?.name ?? name;
}

/**
 * Reduces images to what a docker-archive can hold: complete images of one platform each, no attachments, and names
 * with tags.
 */
export function fitDockerArchive(
  images: readonly ImageTrees[],
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  return fitting(images, dockerArchiveLacks, onEvent).map((image) => {
    const { name, tree, attached } = image;
    const read = readName(name);
    const left = (tree.leftOut ?? []).map(formatPlatform);
    if (left.length > 0)
      warn(
        onEvent,
        `${name}: a docker-archive can hold only ${tree.platforms.map(formatPlatform).join()} of it; left out: ${left.join(', ')}`,
      );
    if (attached.length > 0)
      warn(onEvent, `${name}: a docker-archive has no room for its ${attached.length} attachments; left out`);
    if (read.kind !== 'image' || read.reference.tag === undefined)
      warn(onEvent, `${name}: a docker-archive names images only by tags, so this one has no name in it`);
    return attached.length > 0 ? { ...image, attached: [] } : image;
  });
}

/** Leaves out images that do not fit, with a warning; rejects with `UNSUPPORTED` if no image fits. */
export function fitting(
  images: readonly ImageTrees[],
  reasonOf: (image: ImageTrees) => string | undefined,
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  const reasons = images.map(reasonOf);
  const kept = images.filter((_, place) => reasons[place] === undefined);
  const [first] = images;
  if (first !== undefined && kept.length === 0)
    throw new LadingError('UNSUPPORTED', `${first.name} ${reasons[0]}`, {
      hint: 'An archive of another format (universal) or a layout keeps it.',
      remedy: 'format',
      remedyFor: 'universal',
    });
  for (const [place, { name }] of images.entries())
    if (reasons[place] !== undefined) warn(onEvent, `${name} ${reasons[place]}; left out`);
  return kept;
}

/**
 * Returns why an image does not fit in a docker-archive, as the rest of a sentence, or undefined if it fits. The writer
 * checks the config further.
 */
function dockerArchiveLacks({ tree }: ImageTrees): string | undefined {
  const what = otherThanImage(tree);
  if (what !== undefined) return `is ${what}: a docker-archive has no room for it`;
  const manifest = manifestOf(tree);
  if (!isDockerImage(manifest)) return `is ${manifest.mediaType}: a docker-archive has no room for it`;
  if (manifest.layers.some(({ mediaType }) => isEncrypted(mediaType)))
    return 'has encrypted layers, but a docker-archive can hold only plain ones';
  if ((tree.foreign ?? []).length > 0)
    return 'has foreign layers that are not here, but a docker-archive must contain all layers';
  const config = tree.blobs.find((blob) => blob.descriptor.digest === manifest.config.digest)?.bytes;
  return config && diffIDsLack(config, manifest);
}

/** Describes content that an engine cannot run: blobs, charts, SBOMs, signatures, plugins. */
function otherThanImage(tree: ManifestTree): string | undefined {
  if (tree.isBlob) return aBlob(tree);
  const kept = keptAs(manifestOf(tree));
  return (
    kept &&
    `not an image but ${{ artifact: 'an artifact', attestation: 'an attestation', plugin: 'a plugin' }[kept]}`
  );
}

/** A layer that is stored uncompressed is verified by its diffID alone, so every layer needs one. */
function diffIDsLack(
  config: Buffer,
  { config: { digest, mediaType }, layers }: ImageManifest,
): string | undefined {
  const { diff_ids: diffIDs } = parseConfig(config, digest, { mediaType }).rootfs;
  if (diffIDs.length !== layers.length)
    return `has ${layers.length} layers, but its config names ${diffIDs.length}; a docker-archive needs exactly one for each`;
  return diffIDs.every((diffID) => algorithmOf(diffID) === 'sha256')
    ? undefined
    : 'has a config that does not name its layers by sha256, as a docker-archive does';
}

export function aBlob({ content: manifest }: ManifestTree): string {
  return `not an image but a blob (${manifest.descriptor.mediaType})`;
}

/** True if `check` left out an image because the format cannot hold it. */
export function isLeftOut({ tree }: ImageTrees, checked: readonly ImageTrees[]): boolean {
  const { digest } = tree.content.descriptor;
  return !checked.some((image) => image.tree.content.descriptor.digest === digest);
}

/**
 * Warns about layers that are not carried with the images: they stay where their `urls` point, which an air-gapped
 * network cannot reach.
 */
export function tellForeign(images: readonly ImageTrees[], onEvent: OnCopyEvent | undefined): void {
  for (const { name, tree } of images) {
    const foreign = new Map(foreignOf(tree).map(({ digest, urls }) => [digest, urls?.[0] ?? '']));
    if (foreign.size === 0) continue;
    const places = [...foreign].map(([digest, url]) => `${digest} at ${redactURL(url)}`).join(', ');
    warn(onEvent, `${name}: foreign layers are not included, but stay where they are: ${places}`, {
      remedy: 'includeForeign',
    });
  }
}

function foreignOf({ foreign = [], children }: ManifestTree): Descriptor[] {
  return [...foreign, ...children.flatMap(foreignOf)];
}

function byDigest(name: string, digest: ImageTrees['original']['digest']): string {
  const read = readName(name);
  if (read.kind !== 'image') return digest;
  const { registry, repository } = read.reference;
  return formatReference({ registry, repository, digest });
}

export function warn(
  onEvent: OnCopyEvent | undefined,
  message: string,
  advice: Pick<Advice, 'remedy' | 'remedyFor'> = {},
): void {
  onEvent?.({ type: 'warning', message, ...advice });
}
