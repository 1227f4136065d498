import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf } from '../content/digest.js';
import { nameByTag, nameKey, nameOfDigest, readName } from '../content/names.js';
import { formatPlatform } from '../content/platform.js';
import { formatReference, type Reference } from '../content/reference.js';
import { LadingError, redactURL } from '../errors.js';
import type { OnCopyEvent } from '../events.js';
import { bytesOf, type ManifestTree } from '../graph/tree.js';
import { keptAs } from '../manifest/artifact.js';
import { parseConfig } from '../manifest/config.js';
import { isEncrypted } from '../manifest/layer-types.js';
import { type ImageManifest, parseManifest } from '../manifest/manifest.js';
import { isDockerImage } from '../store/archive/docker-manifest.js';
import type { ImageTrees } from './plan.js';

/**
 * A place that images are written to. What is written ends under a name of its own, whole, or the run has said what it
 * leaves out: `check` sees to it, for every command.
 */
export interface Destination<Arriving> {
  /** As users write it; `-` for a stream. */
  readonly location: string;
  /**
   * Rejects, before the first byte, where an image would be lost: another would get its name, or it is there and would
   * be gone. Gives the images as they fit, and tells what does not.
   */
  check(images: readonly Arriving[], rules?: CheckRules): Arriving[];
}

export interface CheckRules {
  /** Images that are there already stay; default false. */
  append?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}

/** An image, and the name it gets at its registry. */
export interface ImageToPush {
  image: ImageTrees;
  destination: Reference;
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
    const { digest } = image.tree.manifest.descriptor;
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
  const { digest } = tree.manifest.descriptor;
  const kept =
    named.find((image) => image.tree === tree) ??
    named.find(
      (image) =>
        image.tree.manifest.descriptor.digest === digest &&
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

/** What a registry has names for: manifests. Rejects with `UNSUPPORTED` where there is none. */
export function imagesForRegistry(
  images: readonly ImageTrees[],
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  const lacks = ({ tree }: ImageTrees): string | undefined =>
    tree.isBlob ? `is ${aBlob(tree)}: a registry has tags for manifests alone` : undefined;
  return fitting(images, lacks, onEvent);
}

/** Leaves out, with a warning, what there is no place for; rejects with `UNSUPPORTED` where that is all. */
function fitting(
  images: readonly ImageTrees[],
  reasonOf: (image: ImageTrees) => string | undefined,
  onEvent: OnCopyEvent | undefined,
): ImageTrees[] {
  const reasons = images.map(reasonOf);
  const kept = images.filter((_, place) => reasons[place] === undefined);
  const [first] = images;
  if (first !== undefined && kept.length === 0)
    throw new LadingError('UNSUPPORTED', `${first.name} ${reasons[0]}`, {
      hint: 'An archive of another format (--format universal) or a layout keeps it.',
    });
  for (const [place, { name }] of images.entries())
    if (reasons[place] !== undefined) warn(onEvent, `${name} ${reasons[place]}; left out`);
  return kept;
}

/** Why a docker-archive has no place for an image, as the rest of a sentence; of its config only the writer knows. */
function dockerArchiveLacks({ tree }: ImageTrees): string | undefined {
  const what = otherThanImage(tree);
  if (what !== undefined) return `is ${what}: a docker-archive has no room for it`;
  const manifest = parseManifest(bytesOf(tree), tree.manifest.descriptor);
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
  const kept = keptAs(parseManifest(bytesOf(tree), tree.manifest.descriptor));
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

function aBlob({ manifest }: ManifestTree): string {
  return `no image but a blob (${manifest.descriptor.mediaType})`;
}

/** Whether `check` has left an image out of what is written: the format has no room for it. */
export function isLeftOut({ tree }: ImageTrees, checked: readonly ImageTrees[]): boolean {
  const { digest } = tree.manifest.descriptor;
  return !checked.some((image) => image.tree.manifest.descriptor.digest === digest);
}

export interface RegistryRules {
  /** Give an image that is named by its digest a tag, too; default false. */
  tagDigests?: boolean | undefined;
  /** What to do where two images would get one name. */
  wayOut: string;
}

/** A registry, in which each image has its tag, or at least its digest. */
export function registryDestination(location: string, rules: RegistryRules): Destination<ImageToPush> {
  return {
    location,
    check(images, { onEvent } = {}) {
      const named = images.map((one) => withTrueDigest(rules.tagDigests ? withDigestTag(one) : one));
      requireDistinct(named, rules.wayOut);
      tellForeign(
        named.map(({ image }) => image),
        onEvent,
      );
      for (const { image, destination } of named)
        if (destination.tag === undefined)
          warn(
            onEvent,
            `${image.name} has no tag: ${formatReference(destination)} is not listed, and a registry may collect it (--tag-digests gives it a tag)`,
          );
      return named;
    },
  };
}

/** Rejects with `USAGE` where two different images, or what is attached to them, would get one name. */
export function requireDistinct(images: readonly ImageToPush[], wayOut: string): void {
  const taken = new Map<string, ImageTrees>();
  const attachments = new Map<string, { digest: string; of: string }>();
  for (const { image, destination } of images) {
    const { registry, repository, tag } = destination;
    for (const { tag: attachedBy, tree } of image.attached) {
      if (attachedBy === undefined) continue;
      const key = formatReference({ registry, repository, tag: attachedBy });
      const { digest } = tree.manifest.descriptor;
      const other = attachments.get(key);
      if (other !== undefined && other.digest !== digest) throw oneAttachment(key, [other.of, image.name]);
      attachments.set(key, { digest, of: image.name });
    }
    if (tag === undefined) continue;
    const key = formatReference({ registry, repository, tag });
    const other = taken.get(key);
    if (other !== undefined && digestOf(other) !== digestOf(image))
      throw oneName(key, [other, image], wayOut);
    taken.set(key, image);
  }
}

function oneName(key: string, [one, other]: readonly [ImageTrees, ImageTrees], wayOut: string): LadingError {
  return new LadingError('USAGE', `${one.name} and ${other.name} would both become ${key}`, { hint: wayOut });
}

function oneAttachment(key: string, [one, other]: readonly [string, string]): LadingError {
  const images = one === other ? one : `${one} and ${other}`;
  return new LadingError(
    'USAGE',
    `different signatures or attachments of ${images} would all become ${key}`,
    {
      hint: 'Put the images into repositories of their own, or leave out what is attached with --no-referrers.',
    },
  );
}

/** Says which layers are not with the images, but where their `urls` point: in a room without a network, nowhere. */
export function tellForeign(images: readonly ImageTrees[], onEvent: OnCopyEvent | undefined): void {
  for (const { name, tree } of images) {
    const foreign = new Map(foreignOf(tree).map(({ digest, urls }) => [digest, urls?.[0] ?? '']));
    if (foreign.size === 0) continue;
    const places = [...foreign].map(([digest, url]) => `${digest} at ${redactURL(url)}`).join(', ');
    warn(
      onEvent,
      `${name}: foreign layers are left where they are: ${places} (save --include-foreign fetches them)`,
    );
  }
}

function foreignOf({ foreign = [], children }: ManifestTree): Descriptor[] {
  return [...foreign, ...children.flatMap(foreignOf)];
}

function digestOf({ tree }: ImageTrees): string {
  return tree.manifest.descriptor.digest;
}

/** In a registry the digest of a name is that of the manifest that is pushed, whatever the name was before. */
function withTrueDigest({ image, destination }: ImageToPush): ImageToPush {
  if (destination.digest === undefined && destination.tag !== undefined) return { image, destination };
  return { image, destination: { ...destination, digest: image.tree.manifest.descriptor.digest } };
}

/** Enough of a digest to tell images of a repository apart; not one of the tags that attach content. */
const TAG_DIGITS = 12;

function withDigestTag({ image, destination }: ImageToPush): ImageToPush {
  if (destination.tag !== undefined) return { image, destination };
  const [algorithm, encoded = ''] = image.tree.manifest.descriptor.digest.split(':');
  return { image, destination: { ...destination, tag: `${algorithm}-${encoded.slice(0, TAG_DIGITS)}` } };
}

function byDigest(name: string, digest: ImageTrees['original']['digest']): string {
  const read = readName(name);
  if (read.kind !== 'image') return digest;
  const { registry, repository } = read.reference;
  return formatReference({ registry, repository, digest });
}

function warn(onEvent: OnCopyEvent | undefined, message: string): void {
  onEvent?.({ type: 'warning', message });
}
