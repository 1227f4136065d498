import { ContentError, type ErrorCode, isLadingError } from '../../errors.js';
import type { FileView } from '../../files.js';
import type { HashingOptions } from '../../hashing/hashing.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { ImageFiles } from '../image-files.js';
import { LayoutFiles, LayoutReader } from '../layout/layout-reader.js';
import { type ArchiveImage, entriesOf } from './archive-image.js';
import { isTransportFolder, readTransportFolders } from './directory-transport.js';
import { describeImages, readArchiveManifest, readDockerArchive } from './docker-archive.js';
import { reconcile, repeatsLayout } from './hybrid.js';
import { NamedFiles } from './named-files.js';
import { isV1Folder, readV1Archive } from './v1-archive.js';

/**
 * The images among files of any form: an OCI layout, a Docker archive of any age, both at once, skopeo's
 * `dir:`. The view is closed with what is returned; when this rejects, it is the caller's to close. `code` is what
 * files without images are refused with.
 */
export async function openImageFiles(
  view: FileView,
  options: HashingOptions & { code: ErrorCode },
): Promise<ImageFiles> {
  const has = async (path: string): Promise<boolean> => (await view.size(path)) !== undefined;
  const hasDocker = (await has('manifest.json')) && !(await isDocument(view));
  if (await has('index.json')) return hasDocker ? openHybrid(view, options) : LayoutReader.open(view);
  if (await has('oci-layout')) return LayoutReader.open(view); // says what is missing
  if (hasDocker) return openArchiveImages(view, readDockerArchive, options);
  if (await has('manifest.json')) return openTransportFolders(view, ['']);
  if (await has('repositories')) return openV1(view, options);

  const folders = await view.folders();
  const transportFolders = await filter(folders, (folder) => isTransportFolder(view, folder));
  if (transportFolders.length > 0) {
    await requireNoHalfFolder(view, folders, transportFolders);
    return openTransportFolders(view, transportFolders);
  }
  const v1Folders = await filter(folders, (folder) => isV1Folder(view, folder));
  if (v1Folders.length > 0) return openV1(view, options);
  throw new ContentError(
    options.code,
    `${view.location} holds no images: it has neither index.json nor manifest.json nor repositories`,
  );
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
async function isDocument(view: FileView): Promise<boolean> {
  const start = await view.read('manifest.json', MAX_ARCHIVE_DOCUMENT_BYTES);
  return start.toString('latin1').trimStart().startsWith('{');
}

async function openTransportFolders(view: FileView, folders: readonly string[]): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  return new ImageFiles(files, await readTransportFolders(view, files, folders));
}

type ReadImages = (view: FileView, files: NamedFiles, options: HashingOptions) => Promise<ArchiveImage[]>;

async function openArchiveImages(
  view: FileView,
  read: ReadImages,
  options: HashingOptions,
): Promise<ImageFiles> {
  const files = new NamedFiles(view);
  const images = await read(view, files, options);
  return new ImageFiles(
    files,
    entriesOf(images),
    images.map(({ manifest }) => manifest),
  );
}

async function openHybrid(view: FileView, options: HashingOptions): Promise<ImageFiles> {
  const layout = await LayoutReader.open(view);
  const files = new NamedFiles(view, new LayoutFiles(view));
  try {
    const items = await readArchiveManifest(view);
    if (await repeatsLayout(items, layout)) return layout;
    const images = await describeImages(items, view, files, options);
    return new ImageFiles(files, await reconcile(layout, images));
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
