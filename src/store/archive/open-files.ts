import { ambiguous } from '../../content/ambiguous.js';
import type { Descriptor } from '../../content/descriptor.js';
import { digestOf } from '../../content/digest.js';
import type { FileView } from '../../disk/files.js';
import { ContentError, type ErrorCode } from '../../errors.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { shellWord } from '../../tar/not-a-tar/recognised.js';
import { ImageFiles, type NamedProblem } from '../image-files.js';
import { LayoutFiles, LayoutReader } from '../layout/layout-reader.js';
import {
  type ArchiveImage,
  type BrokenImage,
  type DescribeOptions,
  entriesOf,
  isBroken,
} from './archive-image.js';
import { halfTransportFolders, isTransportFolder, readTransportFolders } from './directory-transport.js';
import { describeEach, readDockerArchive, readItems } from './docker-archive.js';
import { reconcile, repeatsLayout } from './hybrid.js';
import { LayoutWalk } from './layout-walk.js';
import { foldersOfImages, inFolder } from './misplaced.js';
import { NamedFiles } from './named-files.js';
import { noImages } from './no-images.js';
import { contradictionsOfOldHalf } from './old-half.js';
import { repeatedNames } from './repeated-names.js';
import { isV1Folder, readV1Archive } from './v1-archive.js';

/** What one opening of an archive found out, so that another one of the same files can skip it. */
export interface OpeningNotes {
  /** Digests of `index.json`'s entries and of a `manifest.json` that only repeats them. */
  sameHalves?: string | undefined;
}

export interface OpenFilesOptions extends HashingOptions {
  /** Error code for files without images: `INVALID_LAYOUT` for a directory. */
  code: ErrorCode;
  /** Name of the archive for commands in hints; default: its location. */
  path?: string | undefined;
  /** Notes of an earlier opening; new findings are added. */
  notes?: OpeningNotes | undefined;
}

/**
 * Opens the images among files of any form: an OCI layout, a Docker archive of any version, both at once, skopeo's
 * `dir:`; in an archive also those in a folder that was packed as a whole. The view is closed with the result; if this
 * rejects, the caller must close it.
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

/**
 * Returns the top-level folders of a directory with images. Deeper ones are not searched, because a directory may
 * contain anything.
 */
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
  const comparing = async (
    images: ImageFiles,
    beside: 'manifest.json' | 'index.json',
  ): Promise<ImageFiles> => {
    images.contradictions.push(...(await contradictionsOfOldHalf(view, images, beside, options)));
    return images;
  };
  if (await has('index.json')) {
    if (docker !== undefined) return comparing(await openHybrid(view, docker, options), 'manifest.json');
    const layout = await LayoutReader.open(view);
    if (document !== undefined && (await isTransportFolder(view, '')))
      layout.contradictions.push(...(await contradictionsOfTransport(view, layout)));
    return comparing(layout, 'index.json');
  }
  if (await has('oci-layout')) return LayoutReader.open(view); // this reports what is missing
  if (docker !== undefined) {
    const read = { ...options, document: docker };
    return comparing(
      await openArchiveImages(view, 'manifest.json', readDockerArchive, read),
      'manifest.json',
    );
  }
  if (document !== undefined) return comparing(await openTransportFolders(view, ['']), 'manifest.json');
  if (await has('repositories')) return openV1(view, options);

  const folders = await view.folders();
  const transportFolders = await filter(folders, (folder) => isTransportFolder(view, folder));
  const v1Folders = await filter(folders, (folder) => isV1Folder(view, folder));
  if (transportFolders.length > 0) {
    const [v1Folder] = v1Folders;
    if (v1Folder !== undefined)
      throw ambiguous(
        view.location,
        `old versions of Docker read the folder ${v1Folder}, and skopeo reads ${transportFolders[0]}`,
      );
    return openTransportFolders(
      view,
      transportFolders,
      await halfTransportFolders(view, folders, transportFolders),
    );
  }
  return v1Folders.length > 0 ? openV1(view, options) : undefined;
}

/**
 * Opens the folders of Docker before 1.10. Later archives have such folders too, beside configs and layers of their
 * own. If one of those has lost its `manifest.json`, reading the folders would give its images other configs and
 * digests, so it is refused.
 */
async function openV1(view: FileView, options: HashingOptions): Promise<ImageFiles> {
  const later = (await view.list()).find(({ path }) => /^[0-9a-f]{64}\.(json|tar)$/.test(path));
  if (later === undefined) return openArchiveImages(view, 'repositories', readV1Archive, options);
  throw new ContentError(
    'INVALID_ARCHIVE',
    `${view.location} is damaged: it has no manifest.json, to which ${later.path} belongs`,
  );
}

/** True if `manifest.json` is itself a manifest, as in `dir:`, rather than the list of a Docker archive. */
function isManifest(document: Buffer): boolean {
  return firstByteOf(document) === OPENING_BRACE;
}

function firstByteOf(document: Buffer): number | undefined {
  return document.find((byte) => !JSON_SPACE.includes(byte));
}

const JSON_SPACE: readonly number[] = [0x20, 0x09, 0x0a, 0x0d];
const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;

/** Checks a layout that is also a `dir:` folder of skopeo: the index must lead to that folder's manifest. */
async function contradictionsOfTransport(view: FileView, layout: LayoutReader): Promise<ContentError[]> {
  const other = await readTransportManifest(view);
  if (other === undefined) return [];
  const walk = new LayoutWalk(layout, view, []);
  for (const entry of layout.indexEntries) await walk.judge(entry);
  if (walk.leadsTo(layout.indexEntries, other.digest)) return [];
  const text = `manifest.json, which skopeo reads as dir:, is ${other.digest}, and index.json does not lead to it`;
  return [ambiguous(view.location, text)];
}

/** Returns undefined if `manifest.json` is not a manifest, so that the layout is not a folder of skopeo. */
async function readTransportManifest(view: FileView): Promise<Descriptor | undefined> {
  const [image] = await readTransportFolders(view, new NamedFiles(view), ['']);
  return image === undefined || isBroken(image) ? undefined : image.manifest;
}

async function openTransportFolders(
  view: FileView,
  folders: readonly string[],
  half: readonly BrokenImage[] = [],
): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  const warnings: string[] = [];
  const warn = (message: string): number => warnings.push(message);
  const opened = filesOf(files, [...(await readTransportFolders(view, files, folders, warn)), ...half]);
  opened.warnings.push(...warnings);
  return opened;
}

/** `where` is the document that names the images. */
async function openArchiveImages<T extends DescribeOptions>(
  view: FileView,
  where: 'manifest.json' | 'repositories',
  read: (view: FileView, files: NamedFiles, options: T) => Promise<(ArchiveImage | BrokenImage)[]>,
  options: T,
): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  const warnings: string[] = [];
  const images = await read(view, files, { ...options, onWarning: (message) => warnings.push(message) });
  const opened = filesOf(files, images);
  opened.warnings.push(...warnings);
  for (const conflict of repeatedNames(images, where))
    opened.contradictions.push(ambiguous(view.location, conflict));
  return opened;
}

/** An image as an archive names it. */
type OpenedImage = Pick<ArchiveImage, 'manifest' | 'names'>;

function filesOf(files: NamedFiles, images: readonly (OpenedImage | BrokenImage)[]): ImageFiles {
  const opened = new ImageFiles(
    files,
    entriesOf(images.flatMap((image) => (isBroken(image) ? [] : [image]))),
    images.map((image) => (isBroken(image) ? image.error : image.manifest)),
  );
  opened.broken.push(...images.flatMap(brokenNames));
  return opened;
}

/** Returns the names of a broken image; without a name, it is called by its position. */
function brokenNames(image: OpenedImage | BrokenImage, place: number): NamedProblem[] {
  if (!isBroken(image)) return [];
  const { names, error } = image;
  const reference = `@${place}`;
  return (names.length > 0 ? names : [reference]).map((name) => ({ name, reference, error }));
}

async function openHybrid(
  view: FileView,
  document: Buffer,
  { notes = {}, ...options }: OpenFilesOptions,
): Promise<ImageFiles> {
  const layout = await LayoutReader.open(view);
  const halves = [Buffer.from(JSON.stringify(layout.indexEntries)), document].map((half) => digestOf(half));
  if (notes.sameHalves === halves.join(' ')) return layout;
  const items = itemsBeside(layout, document, view);
  if (items === undefined) return layout;
  if (await repeatsLayout(items, layout, view)) {
    notes.sameHalves = halves.join(' ');
    return layout;
  }
  const files = new NamedFiles(view, new LayoutFiles(view));
  const warnings: string[] = [];
  const onWarning = (message: string): number => warnings.push(message);
  const { described, problems } = await describeEach(items, view, files, { ...options, onWarning });
  const [problem] = problems;
  if (problem !== undefined && layout.indexEntries.length === 0) throw problem;
  const reconciled = await reconcile(layout, view, described, options);
  const hasImages = described.some(({ image }) => image !== undefined);
  const opened = hasImages ? new ImageFiles(files, reconciled.entries) : layout;
  if (opened !== layout) {
    opened.problems.push(...layout.problems);
    opened.remarks.push(...layout.remarks);
    opened.contradictions.push(...layout.contradictions);
  }
  opened.warnings.push(...warnings);
  opened.problems.push(...problems, ...reconciled.problems.map((text) => problemOf(view, text)));
  opened.remarks.push(...reconciled.remarks);
  opened.contradictions.push(...reconciled.contradictions.map((text) => ambiguous(view.location, text)));
  opened.twins.push(...reconciled.twins);
  return opened;
}

/**
 * Returns the items of the `manifest.json` beside an index. In a layout with images, other files do not matter
 * (image-spec, image-layout.md), but Docker may be able to read a list that cannot be read here.
 */
function itemsBeside(
  layout: LayoutReader,
  document: Buffer,
  view: FileView,
): ReturnType<typeof readItems> | undefined {
  try {
    return readItems(document, view);
  } catch (error) {
    if (layout.indexEntries.length === 0 || !(error instanceof ContentError)) throw error;
    if (firstByteOf(document) === OPENING_BRACKET) layout.contradictions.push(error);
    else layout.problems.push(error);
    return undefined;
  }
}

function problemOf(view: FileView, text: string): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${view.location}: ${text}`);
}

async function filter<T>(items: readonly T[], isWanted: (item: T) => Promise<boolean>): Promise<T[]> {
  const wanted: T[] = [];
  for (const item of items) if (await isWanted(item)) wanted.push(item);
  return wanted;
}
