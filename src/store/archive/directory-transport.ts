import { isDigest } from '../../content/digest.js';
import type { FileView } from '../../disk/files.js';
import { ContentError } from '../../errors.js';
import { detectMediaType, MAX_MANIFEST_BYTES, manifestDigest } from '../../manifest/manifest.js';
import { type ArchiveImage, type BrokenImage, readOrBroken } from './archive-image.js';
import type { NamedFiles } from './named-files.js';

/** An image that is named after its folder. */
type TransportImage = Pick<ArchiveImage, 'manifest' | 'names'>;

/** True if a folder (`''` for the root) is what skopeo writes as `dir:`. */
export async function isTransportFolder(view: FileView, folder: string): Promise<boolean> {
  const has = async (name: string): Promise<boolean> =>
    (await view.size(inFolder(folder, name))) !== undefined;
  return (await has('version')) && (await has('manifest.json'));
}

/**
 * Reads the images of `dir:` folders, one per folder. `manifest.json` is the manifest itself; blobs and the other
 * manifests of an index are named by the hexadecimal part of their digests. The format has no image names, so the
 * folder's name is used. (containers/image, directory/directory_transport.go)
 */
export async function readTransportFolders(
  view: FileView,
  files: NamedFiles,
  folders: readonly string[],
  onWarning?: (message: string) => void,
): Promise<(TransportImage | BrokenImage)[]> {
  const images: (TransportImage | BrokenImage)[] = [];
  for (const folder of folders) {
    const names = folder === '' ? [] : [folder];
    const path = inFolder(folder, 'manifest.json');
    images.push(
      await readOrBroken({ names, label: path }, async () => {
        const bytes = await view.read(path, MAX_MANIFEST_BYTES);
        const mediaType = detectMediaType(bytes, undefined, `${view.location}: ${path}`);
        const digest = manifestDigest(bytes, mediaType);
        files.addFile(digest, path);
        return { manifest: { mediaType, digest, size: bytes.byteLength }, names };
      }),
    );
  }
  const wanted = new Set(folders);
  for (const { path } of await view.list()) {
    const [signature, within = ''] = /^(?:([^/]+)\/)?signature-[0-9]+$/.exec(path) ?? [];
    if (signature !== undefined && wanted.has(within))
      onWarning?.(`${signature} is a simple signature, which has no place outside of dir: and is left out`);
    const [, folder = '', encoded = ''] = /^(?:([^/]+)\/)?([0-9a-f]+)(?:\.manifest\.json)?$/.exec(path) ?? [];
    const digest = `${ALGORITHM_OF_LENGTH.get(encoded.length)}:${encoded}`;
    if (wanted.has(folder) && isDigest(digest)) files.addFile(digest, path);
  }
  return images;
}
/** Returns an error for each other folder that has some of the files of a `dir:` folder, but not all. */
export async function halfTransportFolders(
  view: FileView,
  folders: readonly string[],
  whole: readonly string[],
): Promise<BrokenImage[]> {
  const others = new Set(folders.filter((name) => !whole.includes(name)));
  const half = new Map<string, string>();
  for (const { path } of others.size === 0 ? [] : await view.list()) {
    const [, folder = ''] = /^([^/]+)\/(?:version|manifest\.json|[0-9a-f]{64})$/.exec(path) ?? [];
    if (others.has(folder) && !half.has(folder)) half.set(folder, path);
  }
  return [...half].map(([folder, path]) => ({
    names: [folder],
    error: new ContentError(
      'INVALID_LAYOUT',
      `${view.location}: ${folder} has ${path}, but not both manifest.json and version`,
    ),
  }));
}

/** The algorithm by the length of the digest, because file names do not include it. */
const ALGORITHM_OF_LENGTH = new Map([
  [64, 'sha256'],
  [96, 'sha384'],
  [128, 'sha512'],
]);

function inFolder(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
