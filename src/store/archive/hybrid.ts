import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import type { FileView } from '../../disk/files.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import type { ArchiveImage as ImageItem } from '../../manifest/docker-archive-documents.js';
import type { ImageFiles } from '../image-files.js';
import { EntriesByName } from '../layout/entries-by-name.js';
import { entryKey, entryName } from '../layout/layout-index.js';
import { blobDigest } from '../layout/layout-reader.js';
import { blobsNamedBy, contradictionsOf, type DescribedItem, namesIn } from './agreement.js';
import { type ArchiveImage, entryOf } from './archive-image.js';
import { blobsOf, keyOf, LayoutWalk } from './layout-walk.js';

/**
 * True if `manifest.json` only repeats `index.json`: everything that the index leads to is present, and each image has
 * the names of an entry and the same blobs. This is decided by names and sizes; layers, of which there may be tens of
 * thousands, are not read.
 */
export async function repeatsLayout(
  items: readonly ImageItem[],
  layout: ImageFiles,
  view: FileView,
): Promise<boolean> {
  const walk = new LayoutWalk(layout, view, []);
  for (const entry of layout.indexEntries) if ((await walk.judge(entry)) !== 'good') return false;
  const blobsUnder = (entries: readonly Descriptor[]): Set<string> =>
    new Set([...walk.imagesUnder(entries).values()].map(blobsOf));
  const inLayout = [...walk.imagesUnder(layout.indexEntries).values()];
  const known = new Set(inLayout.map(blobsOf));
  const claimed = new Set(items.map(blobsNamedBy));
  const configs = new Set(items.map(({ config }) => blobDigest(config)));
  const entries = new EntriesByName(layout.indexEntries);
  const blobsByName = new Map<string, string>();
  const isAgreed = (item: ImageItem, name: string): boolean => {
    const blobs = blobsNamedBy(item);
    const other = blobsByName.get(name);
    blobsByName.set(name, blobs);
    return other === undefined ? blobsUnder(entries.at(name)).has(blobs) : other === blobs;
  };
  return (
    [...claimed].every((blobs) => known.has(blobs)) &&
    inLayout.every((image) => !configs.has(image.config) || claimed.has(blobsOf(image))) &&
    items.every((item) => namesIn(item).every((name) => isAgreed(item, name)))
  );
}

/** The combined content of `index.json` and `manifest.json` of one archive. */
export interface Reconciled {
  entries: Descriptor[];
  /**
   * Other images that readers of `manifest.json` see for the entries: with the same configs, but layers stored in
   * another form.
   */
  twins: NamedDescriptor[];
  /** Reasons why readers of one half would take other images than readers of the other, as sentences. */
  contradictions: string[];
  /** Errors in one half that are correct in the other, which is used. */
  problems: string[];
  /** What only readers of one half see. */
  remarks: string[];
}

/**
 * Combines the entries of an archive that is a layout and a Docker archive at once. `index.json` has priority. Images
 * of `manifest.json` replace entries with the same layers in a wrong order (Docker 25.0.0), and indexes that lack whole
 * platforms without saying so (Docker's containerd store writes the registry's index with the content of one platform).
 * They also add what `index.json` leaves out (`"manifests": null` of 25.0.0). An entry that lacks anything else stays,
 * because that is damage to report. A sparse index also stays if the archive has content that nothing leads to, which
 * belongs to a lost manifest.
 */
export async function reconcile(
  layout: ImageFiles,
  view: FileView,
  items: readonly DescribedItem[],
  options: HashingOptions = {},
): Promise<Reconciled> {
  const images = items.flatMap(({ image }) => image ?? []);
  const walk = new LayoutWalk(layout, view, images);
  const names = new Set(images.flatMap((image) => image.names));
  const hasNameless = images.some((image) => image.names.length === 0);
  const kept: Descriptor[] = [];
  const problems: string[] = [];
  for (const entry of layout.indexEntries) {
    const verdict = await walk.judge(entry);
    const key = entryKey(entry);
    const isNamed = key === undefined ? hasNameless : names.has(key);
    const isReplaced =
      isNamed &&
      (verdict === 'misordered' || (verdict === 'sparse' && !(await walk.hasOrphans(layout.indexEntries))));
    if (!isReplaced) kept.push(entry);
    else if (verdict === 'misordered' && !hasOrderOf(images, entry, walk)) problems.push(misordered(entry));
  }
  const added = addedTo(kept, images, walk);
  const named = new Set(added.filter(entryName).map(({ digest }) => digest));
  const isLeft = (entry: Descriptor) => entryName(entry) !== undefined || !named.has(entry.digest);
  return {
    entries: [...kept.filter(isLeft), ...added],
    twins: twinsOf(kept, images, walk),
    contradictions: await contradictionsOf(layout, items, { walk, view, options }),
    problems,
    remarks: added.flatMap((entry) => onlyForDocker(entry, layout.indexEntries)),
  };
}

/**
 * True if an image of `manifest.json` has the layers of an entry in the same order, so that only their sizes differ.
 */
function hasOrderOf(images: readonly ArchiveImage[], entry: Descriptor, walk: LayoutWalk): boolean {
  const inLayout = new Set([...walk.imagesUnder([entry]).values()].map(blobsOf));
  return images.some((image) => inLayout.has(blobsOf(image)));
}

function misordered(entry: Descriptor): string {
  return `${entryName(entry) ?? entry.digest} has its layers in another order in index.json than its config: other readers take them so, or refuse it; manifest.json has the right one`;
}

function onlyForDocker(added: Descriptor, indexEntries: readonly Descriptor[]): string[] {
  const key = entryKey(added);
  if (indexEntries.length === 0 || indexEntries.some((entry) => entryKey(entry) === key && key !== undefined))
    return [];
  return [`${key ?? added.digest} is only in manifest.json: readers of index.json do not see it`];
}

/**
 * Returns entries for the images, or names of images, that the kept entries lack; with their manifest from the layout,
 * if there is one.
 */
function addedTo(
  kept: readonly Descriptor[],
  images: readonly ArchiveImage[],
  walk: LayoutWalk,
): Descriptor[] {
  const entries = new EntriesByName(kept);
  const covered = walk.imagesUnder(kept);
  return images.flatMap((image) => {
    const manifest = walk.manifestOf(image) ?? image.manifest;
    if (image.names.length === 0)
      return covered.has(keyOf(image)) ? [] : [entryOf(manifest, manifest.digest)];
    return image.names.filter((name) => entries.at(name).length === 0).map((name) => entryOf(manifest, name));
  });
}

/** Returns the images whose names all have kept entries, but of other images. */
function twinsOf(
  kept: readonly Descriptor[],
  images: readonly ArchiveImage[],
  walk: LayoutWalk,
): NamedDescriptor[] {
  const entries = new EntriesByName(kept);
  const covered = walk.imagesUnder(kept);
  return images.flatMap((image) => {
    const [name] = image.names;
    if (name === undefined || covered.has(keyOf(image))) return [];
    const isAdded = image.names.some((each) => entries.at(each).length === 0);
    return isAdded ? [] : [{ name, descriptor: image.manifest }];
  });
}
