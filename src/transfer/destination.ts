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
 * A place that images are written to: an archive, a layout, a stream, a registry. What is written ends under a name of
 * its own, whole, or the run has said what it leaves out: `check` sees to it, for every command. `Placed` is an image
 * with the name that it gets there.
 */
export interface Destination<Placed = ImageTrees> {
  /** As users write it; `-` for a stream. */
  readonly location: string;
  /** What is there from an earlier run, where that can be read at once: its content need not be fetched. */
  readonly previous: Source | undefined;
  /**
   * Rejects, before the first byte, where an image would be lost: another would get its name, or it is there and would
   * be gone. Gives the images as they fit, and tells what does not.
   */
  check(images: readonly ImageTrees[], rules?: CheckRules): Placed[];
  /** What an image is called there after `check` gave `placed`; undefined where it is left out. */
  nameOf(image: ImageTrees, placed: readonly Placed[]): string | undefined;
  /** Writes images that were checked: what is missing only, names last. */
  write(images: readonly Placed[], options?: WriteOptions): Promise<WriteResult>;
  close(): Promise<void>;
}

export interface WriteOptions extends Omit<CopyOptions, 'beforeNaming' | 'pool'> {
  /** Images that are there already stay; default false. */
  append?: boolean | undefined;
  /** Images that could not be read: they are failures of the result, too. */
  failures?: Plan['failures'] | undefined;
}

export interface WriteResult {
  images: WrittenImage[];
  /** What was there already, and stays. */
  kept: PlannedImage[];
  /** `mounted` blobs came from another repository of the same registry; `present` ones were there. */
  blobs: { total: number; sent: number; mounted: number; present: number };
  bytes: { total: number; sent: number };
  failures: { name: string; error: unknown }[];
}

export interface WrittenImage {
  name: string;
  /** What it is called at the destination. */
  written: string;
  digest: Digest;
  planned: PlannedImage;
}

export interface CheckRules {
  /** Images that are there already stay; default false. */
  append?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/**
 * Images for an archive or layout, with names that are true and told apart: a name by digest has the digest of what it
 * names, and of two images of one name the second is named by its digest. `nameIn` says how the archive writes names.
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
    if (names.has(name)) continue; // it was asked for twice
    names.add(name);
    taken.set(nameKey(name), digest);
    named.push(name === image.name ? image : { ...image, name });
  }
  return named;
}

/** What an image is called after `nameApart`, which leaves out a name that only says again what another one says. */
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
 * What of the images a docker-archive has room for: images with all their layers, one platform of each, no attachments,
 * and names with tags.
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
        `${name}: a docker-archive has room for ${tree.platforms.map(formatPlatform).join()} of it; left out: ${left.join(', ')}`,
      );
    if (attached.length > 0)
      warn(onEvent, `${name}: a docker-archive has no room for its ${attached.length} attachments; left out`);
    if (read.kind !== 'image' || read.reference.tag === undefined)
      warn(
        onEvent,
        `${name}: a docker-archive names images by tags, so that this one is in it without a name`,
      );
    return attached.length > 0 ? { ...image, attached: [] } : image;
  });
}

/** Leaves out, with a warning, what there is no place for; rejects with `UNSUPPORTED` where that is all. */
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

/** Why a docker-archive has no place for an image, as the rest of a sentence; of its config only the writer knows. */
function dockerArchiveLacks({ tree }: ImageTrees): string | undefined {
  const what = otherThanImage(tree);
  if (what !== undefined) return `is ${what}: a docker-archive has no room for it`;
  const manifest = manifestOf(tree);
  if (!isDockerImage(manifest)) return `is ${manifest.mediaType}: a docker-archive has no room for it`;
  if (manifest.layers.some(({ mediaType }) => isEncrypted(mediaType)))
    return 'has encrypted layers, and those of a docker-archive are plain';
  if ((tree.foreign ?? []).length > 0)
    return 'has foreign layers that are not here, and a docker-archive has all layers in it';
  const config = tree.blobs.find((blob) => blob.descriptor.digest === manifest.config.digest)?.bytes;
  return config && diffIDsLack(config, manifest);
}

/** What no engine runs: blobs, charts, SBOMs, signatures, plugins. */
function otherThanImage(tree: ManifestTree): string | undefined {
  if (tree.isBlob) return aBlob(tree);
  const kept = keptAs(manifestOf(tree));
  return (
    kept &&
    `no image but ${{ artifact: 'an artifact', attestation: 'an attestation', plugin: 'a plugin' }[kept]}`
  );
}

/** Nothing but its diffID vouches for a layer that is made plain. */
function diffIDsLack(
  config: Buffer,
  { config: { digest, mediaType }, layers }: ImageManifest,
): string | undefined {
  const { diff_ids: diffIDs } = parseConfig(config, digest, { mediaType }).rootfs;
  if (diffIDs.length !== layers.length)
    return `has ${layers.length} layers, of which its config names ${diffIDs.length}, and a docker-archive names all`;
  return diffIDs.every((diffID) => algorithmOf(diffID) === 'sha256')
    ? undefined
    : 'has a config that does not name its layers by sha256, as a docker-archive does';
}

export function aBlob({ content: manifest }: ManifestTree): string {
  return `no image but a blob (${manifest.descriptor.mediaType})`;
}

/** Whether `check` has left an image out of what is written: the format has no room for it. */
export function isLeftOut({ tree }: ImageTrees, checked: readonly ImageTrees[]): boolean {
  const { digest } = tree.content.descriptor;
  return !checked.some((image) => image.tree.content.descriptor.digest === digest);
}

/** Says which layers are not with the images, but where their `urls` point: in a room without a network, nowhere. */
export function tellForeign(images: readonly ImageTrees[], onEvent: OnCopyEvent | undefined): void {
  for (const { name, tree } of images) {
    const foreign = new Map(foreignOf(tree).map(({ digest, urls }) => [digest, urls?.[0] ?? '']));
    if (foreign.size === 0) continue;
    const places = [...foreign].map(([digest, url]) => `${digest} at ${redactURL(url)}`).join(', ');
    warn(onEvent, `${name}: foreign layers are left where they are: ${places}`, { remedy: 'includeForeign' });
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
