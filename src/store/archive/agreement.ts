import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { readName } from '../../content/names.js';
import { cleanPath, type FileView } from '../../disk/files.js';
import { ContentError, isLadingError } from '../../errors.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { parseConfig } from '../../manifest/config.js';
import type { ArchiveImage as ImageItem } from '../../manifest/docker-archive-documents.js';
import { MAX_CONFIG_BYTES } from '../../manifest/limits.js';
import { type ImageFiles, isPart } from '../image-files.js';
import { EntriesByName } from '../layout/entries-by-name.js';
import { entryName } from '../layout/layout-index.js';
import { blobDigest, blobPath } from '../layout/layout-reader.js';
import { type ArchiveImage, archiveName } from './archive-image.js';
import { diffIDsOf } from './layer-files.js';
import { blobSetOf, blobsOf, isPlain, type LayoutWalk, type Parts } from './layout-walk.js';
import { repeatedNames, whatIs } from './repeated-names.js';

/** An image in `manifest.json`, with its description; undefined if the image cannot be read. */
export interface DescribedItem {
  item: ImageItem;
  image: ArchiveImage | undefined;
}

/** Returns the blobs that an image of `manifest.json` names, if its files are blobs, in the form of `blobsOf`. */
export function blobsNamedBy({ config, layers }: ImageItem): string {
  return [config, ...layers].map((path) => blobDigest(cleanPath(path) ?? path)).join();
}

/** Returns the valid names of an image of `manifest.json`. */
export function namesIn({ repoTags }: ImageItem): string[] {
  return repoTags.map(archiveName).filter((name) => name !== undefined);
}

interface Half {
  /** The walk over the layout, with all entries judged. */
  walk: LayoutWalk;
  view: FileView;
  options: HashingOptions;
}

/**
 * Returns, as sentences, why names stand for one image in `index.json` and for another in `manifest.json`. Docker reads
 * one or the other depending on its version, podman depending on the number of images. A name in both must stand for
 * the entry's image, or for a child of an index.
 */
export async function contradictionsOf(
  { indexEntries }: ImageFiles,
  items: readonly DescribedItem[],
  half: Half,
): Promise<string[]> {
  const entries = new EntriesByName(indexEntries);
  const images = items.flatMap(({ image }) => image ?? []);
  const contradictions = repeatedNames(images, 'manifest.json');
  const byTag = new Map<Descriptor, { name: string; one: DescribedItem; isMeant: boolean }[]>();
  for (const one of items) {
    for (const name of namesIn(one.item)) {
      const holders = entries.at(name);
      const [first] = holders;
      if (first !== undefined) {
        if (!(await isUnder(one, holders, half))) contradictions.push(contradiction(name, first, one));
        continue;
      }
      for (const entry of entries.withTagOf(name)) {
        const claim = { name, one, isMeant: await isUnder(one, [entry], half) };
        byTag.set(entry, [...(byTag.get(entry) ?? []), claim]);
      }
    }
  }
  // A bare tag may belong to any repository, so it only has to match one image.
  for (const [entry, claims] of byTag) {
    const [claim] = claims;
    if (claim !== undefined && !claims.some(({ isMeant }) => isMeant))
      contradictions.push(contradiction(claim.name, entry, claim.one));
  }
  return [...contradictions, ...imagesApart(indexEntries, images, half.walk)];
}

/**
 * Returns a contradiction if each list has an image that is missing from the other, and one of the two has no full
 * name: a user who loads the archive without a name gets either of them. What Docker leaves out of its index is in
 * manifest.json only, besides what is in both.
 */
function imagesApart(
  indexEntries: readonly Descriptor[],
  images: readonly ArchiveImage[],
  walk: LayoutWalk,
): string[] {
  const configsUnder = (entries: readonly Descriptor[]): Set<Digest> =>
    new Set([...walk.imagesUnder(entries).values()].map(({ config }) => config));
  const inIndex = configsUnder(indexEntries);
  const inManifest = new Set(images.map(({ config }) => config));
  const unknownHere = images.filter(({ config }) => !inIndex.has(config));
  const unknownThere = indexEntries.filter((entry) => {
    const configs = configsUnder([entry]);
    return !isPart(entry) && configs.size > 0 && ![...configs].some((config) => inManifest.has(config));
  });
  const image = unknownHere.find(({ names }) => names.length === 0) ?? unknownHere[0];
  const entry = unknownThere.find((each) => !hasFullName(each)) ?? unknownThere[0];
  if (image === undefined || entry === undefined || walk.hasUnread(indexEntries)) return [];
  if (image.names.length > 0 && hasFullName(entry)) return [];
  const called = entryName(entry) === undefined ? entry.digest : `${entryName(entry)} (${entry.digest})`;
  return [`${called} is only in index.json, and ${image.names[0] ?? whatIs(image)} only in manifest.json`];
}

function hasFullName(entry: Descriptor): boolean {
  const name = entryName(entry);
  return name !== undefined && readName(name).kind === 'image';
}

/** True if entries lead to an image. Also true if a manifest is missing or damaged, which is reported elsewhere. */
async function isUnder(
  { item, image }: DescribedItem,
  entries: readonly Descriptor[],
  { walk, view, options }: Half,
): Promise<boolean> {
  if (walk.hasUnread(entries)) return true;
  const known = [...walk.imagesUnder(entries).values()];
  const blobs = blobsNamedBy(item);
  if (known.some((each) => blobsOf(each) === blobs)) return true;
  if (image === undefined) return false;
  for (const each of known.filter(({ config }) => config === image.config)) {
    // Written by Docker 25.0.0. The correct image is used, and the wrong one is reported separately.
    const isMisordered = isPlain(image) && blobSetOf(each) === blobSetOf(image);
    if (isMisordered || (await hasSameLayers(each, { image, item }, view, options))) return true;
  }
  return false;
}

/** True if the layers, stored once compressed and once uncompressed, are in both places those of the config. */
async function hasSameLayers(
  inLayout: Parts,
  { image, item }: { image: ArchiveImage; item: ImageItem },
  view: FileView,
  options: HashingOptions,
): Promise<boolean> {
  try {
    const config = parseConfig(await view.read(item.config, MAX_CONFIG_BYTES), image.config);
    const expected = config.rootfs.diff_ids.join();
    const stored = inLayout.layers.map(({ digest }) => blobPath(digest));
    for (const paths of [stored, item.layers])
      if ((await diffIDsOf(view, paths, options)).join() !== expected) return false;
    return true;
  } catch (error) {
    if (error instanceof ContentError || isLadingError(error, 'UNSUPPORTED')) return false;
    throw error;
  }
}

function contradiction(name: string, entry: Descriptor, { item, image }: DescribedItem): string {
  const written = entryName(entry);
  const held = written === name ? '' : ` (${written})`;
  const other = image === undefined ? `an image that cannot be read (${item.config})` : whatIs(image);
  return `${name} is ${entry.digest} in index.json${held}, and ${other} in manifest.json`;
}
