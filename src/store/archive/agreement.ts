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

/** An image that `manifest.json` names, and what it is; undefined where it cannot be read. */
export interface DescribedItem {
  item: ImageItem;
  image: ArchiveImage | undefined;
}

/** The blobs that an image of `manifest.json` names, as far as its files are blobs; as `blobsOf`. */
export function blobsNamedBy({ config, layers }: ImageItem): string {
  return [config, ...layers].map((path) => blobDigest(cleanPath(path) ?? path)).join();
}

/** The names of an image of `manifest.json`, without those that are none. */
export function namesIn({ repoTags }: ImageItem): string[] {
  return repoTags.map(archiveName).filter((name) => name !== undefined);
}

interface Half {
  /** Over the layout, all entries judged. */
  walk: LayoutWalk;
  view: FileView;
  options: HashingOptions;
}

/**
 * Why a name means one image in `index.json` and another in `manifest.json`, a sentence each. Docker reads the one or the
 * other by its version, podman either by how many images there are. A name of both means the entry's image, or of an
 * index one of its children.
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
  // A tag alone may be that of any repository, and so of one image at least.
  for (const [entry, claims] of byTag) {
    const [claim] = claims;
    if (claim !== undefined && !claims.some(({ isMeant }) => isMeant))
      contradictions.push(contradiction(claim.name, entry, claim.one));
  }
  return [...contradictions, ...imagesApart(indexEntries, images, half.walk)];
}

/**
 * Where each list has an image that the other one does not know, and one of the two has no full name: who loads the
 * archive without saying a name gets the one or the other. What Docker leaves out of its index stands in manifest.json
 * beside what is in both.
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
  return [`${called} is in index.json alone, and ${image.names[0] ?? whatIs(image)} in manifest.json alone`];
}

function hasFullName(entry: Descriptor): boolean {
  const name = entryName(entry);
  return name !== undefined && readName(name).kind === 'image';
}

/** Whether entries lead to an image. Of what is lost or damaged nothing is known, and that is told elsewhere. */
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
    // What Docker 25.0.0 wrote: the right one is taken, and that there is a wrong one is a finding of its own.
    const isMisordered = isPlain(image) && blobSetOf(each) === blobSetOf(image);
    if (isMisordered || (await hasSameLayers(each, { image, item }, view, options))) return true;
  }
  return false;
}

/** Whether layers that are stored in two ways, compressed and plain, are both those of the config. */
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
