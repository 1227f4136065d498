import { ambiguous } from '../../content/ambiguous.js';
import type { Descriptor } from '../../content/descriptor.js';
import { type Digest, encodedOf } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import type { FileView } from '../../disk/files.js';
import { ContentError, isLadingError } from '../../errors.js';
import { type Step, walkGraph } from '../../graph/walk.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { parseConfig } from '../../manifest/config.js';
import { type ArchiveTag, parseArchiveRepositories } from '../../manifest/docker-archive-documents.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { type ImageManifest, parseManifest, type Successors, successors } from '../../manifest/manifest.js';
import { hasSameConfig } from '../../manifest/v1/same-config.js';
import type { ImageFiles } from '../image-files.js';
import { EntriesByName } from '../layout/entries-by-name.js';
import { readContent } from '../read-content.js';
import { has } from '../store.js';
import { archiveName } from './archive-image.js';
import { diffIDsOf, keyOf } from './layer-files.js';
import {
  chainOf,
  headsOf,
  isV1Folder,
  misplacedText,
  readFolders,
  type V1FolderImage,
  type V1Folders,
} from './v1-archive.js';

/** The two halves to compare, and the document whose names are used. */
interface Halves {
  view: FileView;
  store: ImageFiles;
  beside: 'manifest.json' | 'index.json';
  options: HashingOptions;
}

/**
 * Returns contradictions between the files that only Docker before 1.10 reads (`repositories` and a folder for each
 * layer) and `store`, which was opened by `manifest.json` or `index.json`. Later versions read those files too if there
 * is no `manifest.json`. (moby, image/tarexport, `legacyLoad`)
 */
export async function contradictionsOfOldHalf(
  view: FileView,
  store: ImageFiles,
  beside: Halves['beside'],
  options: HashingOptions,
): Promise<ContentError[]> {
  const halves = { view, store, beside, options };
  try {
    return (await disagreements(halves)).map((text) => ambiguous(view.location, text));
  } catch (error) {
    if (!(error instanceof ContentError) && !isLadingError(error, 'UNSUPPORTED')) throw error;
    const text = `what old versions of Docker read beside ${beside} cannot be read here: ${error.message}`;
    return [ambiguous(view.location, text, { cause: error })];
  }
}

async function disagreements(halves: Halves): Promise<string[]> {
  const { view, store, beside } = halves;
  const hasTags = (await view.size('repositories')) !== undefined;
  if (beside === 'manifest.json' && !hasTags) return []; // images without names cannot be confused
  // A layout may contain unrelated folders.
  if (beside === 'index.json' && !(await hasLayerFolder(view))) return [];
  const folders = await readFolders(view);
  const tags = hasTags ? await readTags(view) : [];
  const entries = new EntriesByName(store.indexEntries);
  const found: string[] = [];
  for (const { repository, tag, v1ID } of tags) {
    const name = archiveName(`${repository}:${tag}`);
    // Broken images are reported elsewhere.
    if (name === undefined || store.broken.some((image) => image.name === name)) continue;
    const holders = entries.at(name);
    const problem =
      holders.length === 0 ? 'has no such name' : await differenceOf(v1ID, { folders, holders }, halves);
    if (problem !== undefined) found.push(`${name} is ${v1ID} in repositories, and ${beside} ${problem}`);
  }
  if (beside === 'manifest.json') return found;
  const named = new Set(tags.map(({ v1ID }) => v1ID));
  for (const head of headsOf(folders, new Map()))
    if (!named.has(head)) found.push(`the folder ${head} has an image that ${beside} does not name`);
  return found;
}

async function hasLayerFolder(view: FileView): Promise<boolean> {
  for (const folder of await view.folders())
    if ((await isV1Folder(view, folder)) && (await view.size(`${folder}/layer.tar`)) !== undefined)
      return true;
  return false;
}

async function readTags(view: FileView): Promise<ArchiveTag[]> {
  const bytes = await view.read('repositories', MAX_ARCHIVE_DOCUMENT_BYTES);
  if (bytes.toString('latin1').trim() === 'null') return []; // Go writes null if there are no tags
  return parseArchiveRepositories(bytes, `${view.location}: repositories`);
}

/**
 * Returns what the entries of a name have instead of the image in a folder, as the rest of a sentence; undefined if
 * they have that image.
 */
async function differenceOf(
  v1ID: string,
  { folders, holders }: { folders: V1Folders; holders: readonly Descriptor[] },
  halves: Halves,
): Promise<string | undefined> {
  const images = await imagesUnder(holders, halves.store);
  if (images === undefined) return undefined; // damage is reported elsewhere
  const [image] = images;
  const instead = `has ${image === undefined ? 'no image' : `the image with the config ${image.config.digest}`} for it`;
  if (folders.has(v1ID)) {
    const chain = chainOf(folders, { head: v1ID, label: v1ID }, halves.view.location);
    const misplaced = chain.find(({ id, ownID }) => id !== ownID);
    if (misplaced !== undefined) return `${instead}; ${misplacedText(misplaced)}`;
    for (const each of images) if (await isSameImage(chain, each, halves)) return undefined;
    return instead;
  }
  for (const each of images) if (await isTopLayer(v1ID, each, halves.store)) return undefined;
  return `${instead}; there is no folder ${v1ID}`;
}

/** Returns the images that entries lead to; undefined if a manifest is damaged. */
async function imagesUnder(
  entries: readonly Descriptor[],
  store: ImageFiles,
): Promise<ImageManifest[] | undefined> {
  const images: ImageManifest[] = [];
  const seen = new Set<Digest>();
  let isDamaged = false;
  const enter = async ({ descriptor, depth }: Step): Promise<Successors | undefined> => {
    if (seen.has(descriptor.digest) || !isManifest(descriptor.mediaType)) return undefined;
    seen.add(descriptor.digest);
    if (!(await has(store, descriptor))) {
      isDamaged ||= depth === 0; // an index may lack children
      return undefined;
    }
    try {
      const manifest = parseManifest(await readContent(store, descriptor), descriptor);
      if ('layers' in manifest) images.push(manifest);
      return successors(manifest);
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      isDamaged = true;
      return undefined;
    }
  };
  for (const entry of entries) await walkGraph(entry, { enter }, { inTurn: true });
  return isDamaged ? undefined : images;
}

async function isSameImage(
  chain: readonly V1FolderImage[],
  { config, layers }: ImageManifest,
  { view, store, options }: Halves,
): Promise<boolean> {
  const top = chain.at(-1);
  if (top === undefined || chain.length !== layers.length) return false;
  const document = await readSound(config, store);
  if (document === undefined) return true;
  if (!hasSameConfig(top.json, document, `${view.location}: ${top.id}/json`)) return false;
  const { diff_ids: diffIDs } = parseConfig(document, config.digest).rootfs;
  for (const [place, { id }] of chain.entries()) {
    const path = `${id}/layer.tar`;
    const layer = layers[place];
    const region = await view.region(path);
    const stored = layer && (await store.region(layer));
    if (region !== undefined && stored !== undefined && keyOf(region) === keyOf(stored)) continue;
    const [diffID] = await diffIDsOf(view, [path], options);
    if (diffID !== diffIDs[place]) return false;
  }
  return true;
}

/** True if `v1ID` is the topmost layer of an image, as Docker 25 writes it, which writes no folders. */
async function isTopLayer(
  v1ID: string,
  { config, layers }: ImageManifest,
  store: ImageFiles,
): Promise<boolean> {
  const document = await readSound(config, store);
  if (document === undefined) return true;
  const diffID = parseConfig(document, config.digest).rootfs.diff_ids.at(-1);
  return [layers.at(-1)?.digest, diffID].some((digest) => digest !== undefined && encodedOf(digest) === v1ID);
}

/** Returns undefined if the content is missing or damaged, which is reported elsewhere. */
async function readSound(descriptor: Descriptor, store: ImageFiles): Promise<Buffer | undefined> {
  try {
    return await readContent(store, descriptor);
  } catch (error) {
    if (error instanceof ContentError || isLadingError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
