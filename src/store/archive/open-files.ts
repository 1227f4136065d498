import { digestOf } from '../../content/digest.js';
import { ContentError, type ErrorCode, isLadingError } from '../../errors.js';
import type { FileView } from '../../files.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { shellWord } from '../../tar/not-a-tar/recognised.js';
import { ImageFiles } from '../image-files.js';
import { LayoutFiles, LayoutReader } from '../layout/layout-reader.js';
import { type ArchiveImage, type DescribeOptions, entriesOf } from './archive-image.js';
import { isTransportFolder, readTransportFolders } from './directory-transport.js';
import { describeImages, readDockerArchive, readItems } from './docker-archive.js';
import { reconcile, repeatsLayout } from './hybrid.js';
import { foldersOfImages, inFolder } from './misplaced.js';
import { NamedFiles } from './named-files.js';
import { noImages } from './no-images.js';
import { isV1Folder, readV1Archive } from './v1-archive.js';

/** What one opening of an archive finds out, and another of the same files need not. */
export interface OpeningNotes {
  /** Digests of `index.json`'s entries and of a `manifest.json` that only says again what they say. */
  sameHalves?: string | undefined;
}

export interface OpenFilesOptions extends HashingOptions {
  /** What files without images are refused with: `INVALID_LAYOUT` for a directory. */
  code: ErrorCode;
  /** What hints call the archive in commands; default its location. */
  path?: string | undefined;
  /** From an earlier opening; what this one finds out is added. */
  notes?: OpeningNotes | undefined;
}

/**
 * The images among files of any form: an OCI layout, a Docker archive of any age, both at once, skopeo's
 * `dir:`; of an archive also those in a folder that was packed as a whole. The view is closed with what is returned;
 * when this rejects, it is the caller's to close.
 */
export async function openImageFiles(view: FileView, options: OpenFilesOptions): Promise<ImageFiles> {
  const found = await findImages(view, options);
  if (found !== undefined) return found;
  const isDirectory = options.code === 'INVALID_LAYOUT';
  const folders = isDirectory ? await foldersWithImages(view) : await foldersOfImages(view);
  const [folder] = folders;
  const misplaced =
    isDirectory || folder === undefined || folders.length > 1 ? undefined : await inFolder(view, folder);
  const opened = misplaced && (await findImages(misplaced.view, options));
  if (misplaced === undefined || opened === undefined)
    throw await noImages(view, {
      code: options.code,
      folders,
      path: options.path ?? shellWord(view.location),
    });
  opened.remarks.push(misplaced.remark);
  return opened;
}

/** Folders of a directory, the nearest alone: what else lies in it may be without end. */
async function foldersWithImages(view: FileView): Promise<string[]> {
  return filter(
    (await view.folders()).slice(0, 100),
    async (folder) =>
      (await view.size(`${folder}/index.json`)) !== undefined &&
      (await view.size(`${folder}/oci-layout`)) !== undefined,
  );
}

async function findImages(view: FileView, options: OpenFilesOptions): Promise<ImageFiles | undefined> {
  const has = async (path: string): Promise<boolean> => (await view.size(path)) !== undefined;
  const document = (await has('manifest.json'))
    ? await view.read('manifest.json', MAX_ARCHIVE_DOCUMENT_BYTES)
    : undefined;
  const docker = document === undefined || isManifest(document) ? undefined : document;
  if (await has('index.json'))
    return docker === undefined ? LayoutReader.open(view) : openHybrid(view, docker, options);
  if (await has('oci-layout')) return LayoutReader.open(view); // says what is missing
  if (docker !== undefined)
    return openArchiveImages(view, readDockerArchive, { ...options, document: docker });
  if (document !== undefined) return openTransportFolders(view, ['']);
  if (await has('repositories')) return openV1(view, options);

  const folders = await view.folders();
  const transportFolders = await filter(folders, (folder) => isTransportFolder(view, folder));
  if (transportFolders.length > 0) {
    await requireNoHalfFolder(view, folders, transportFolders);
    return openTransportFolders(view, transportFolders);
  }
  const v1Folders = await filter(folders, (folder) => isV1Folder(view, folder));
  return v1Folders.length > 0 ? openV1(view, options) : undefined;
}

/**
 * The folders of Docker before 1.10. Later archives have them too, beside configs and layers of their own: read
 * without the `manifest.json` that such an archive has lost, its images would get other configs and digests.
 */
async function openV1(view: FileView, options: HashingOptions): Promise<ImageFiles> {
  const later = (await view.list()).find(({ path }) => /^[0-9a-f]{64}\.(json|tar)$/.test(path));
  if (later === undefined) return openArchiveImages(view, readV1Archive, options);
  throw new ContentError(
    'INVALID_ARCHIVE',
    `${view.location} is damaged: it has no manifest.json, to which ${later.path} belongs`,
  );
}

/** A folder beside those of images that has some of what makes it such a folder has lost the rest. */
async function requireNoHalfFolder(
  view: FileView,
  folders: readonly string[],
  whole: readonly string[],
): Promise<void> {
  const others = new Set(folders.filter((name) => !whole.includes(name)));
  for (const { path } of others.size === 0 ? [] : await view.list()) {
    const [, folder = ''] = /^([^/]+)\/(?:version|manifest\.json|[0-9a-f]{64})$/.exec(path) ?? [];
    if (!others.has(folder)) continue;
    throw new ContentError(
      'INVALID_LAYOUT',
      `${view.location}: ${folder} has ${path}, but not both manifest.json and version`,
    );
  }
}

/** Whether `manifest.json` is itself a manifest, as in `dir:`, rather than a Docker archive's list. */
function isManifest(document: Buffer): boolean {
  const first = document.find((byte) => !JSON_SPACE.includes(byte));
  return first === OPENING_BRACE;
}

const JSON_SPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];
const OPENING_BRACE = 0x7b;

async function openTransportFolders(view: FileView, folders: readonly string[]): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  return new ImageFiles(files, await readTransportFolders(view, files, folders));
}

async function openArchiveImages<T extends DescribeOptions>(
  view: FileView,
  read: (view: FileView, files: NamedFiles, options: T) => Promise<ArchiveImage[]>,
  options: T,
): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  const warnings: string[] = [];
  const images = await read(view, files, { ...options, onWarning: (message) => warnings.push(message) });
  const opened = new ImageFiles(
    files,
    entriesOf(images),
    images.map(({ manifest }) => manifest),
  );
  opened.warnings.push(...warnings);
  return opened;
}

async function openHybrid(
  view: FileView,
  document: Buffer,
  { notes = {}, ...options }: OpenFilesOptions,
): Promise<ImageFiles> {
  const layout = await LayoutReader.open(view);
  const files = new NamedFiles(view, new LayoutFiles(view));
  const halves = [Buffer.from(JSON.stringify(layout.indexEntries)), document].map((half) => digestOf(half));
  if (notes.sameHalves === halves.join(' ')) return layout;
  try {
    const items = readItems(document, view);
    if (await repeatsLayout(items, layout, view)) {
      notes.sameHalves = halves.join(' ');
      return layout;
    }
    const warnings: string[] = [];
    const onWarning = (message: string): number => warnings.push(message);
    const images = await describeImages(items, view, files, { ...options, onWarning });
    const opened = new ImageFiles(files, await reconcile(layout, view, images));
    opened.warnings.push(...warnings);
    opened.problems.push(...layout.problems);
    opened.remarks.push(...layout.remarks);
    return opened;
  } catch (error) {
    // Other files than its own are no matter to a layout that has images. (image-spec, image-layout.md)
    const isTolerable = error instanceof ContentError || isLadingError(error, 'UNSUPPORTED');
    if (layout.indexEntries.length === 0 || !isTolerable) throw error;
    layout.problems.push(error);
    return layout;
  }
}

async function filter<T>(items: readonly T[], isWanted: (item: T) => Promise<boolean>): Promise<T[]> {
  const wanted: T[] = [];
  for (const item of items) if (await isWanted(item)) wanted.push(item);
  return wanted;
}
