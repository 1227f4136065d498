import type { Descriptor } from '../../content/descriptor.js';
import { isDigest } from '../../content/digest.js';
import type { FileView } from '../../files.js';
import { detectMediaType, MAX_MANIFEST_BYTES, manifestDigest } from '../../manifest/manifest.js';
import { entryOf } from './archive-image.js';
import type { NamedFiles } from './named-files.js';

/** Whether a folder (`''` for all) is what skopeo writes as `dir:`. */
export async function isTransportFolder(view: FileView, folder: string): Promise<boolean> {
  const has = async (name: string): Promise<boolean> =>
    (await view.size(inFolder(folder, name))) !== undefined;
  return (await has('version')) && (await has('manifest.json'));
}

/**
 * The images of `dir:` folders, one each: `manifest.json` is the manifest itself, blobs and an index's other
 * manifests are named by the hexadecimal part of their digests. The form has no names, so that the folder's name
 * is the image's. (containers/image, directory/directory_transport.go)
 */
export async function readTransportFolders(
  view: FileView,
  files: NamedFiles,
  folders: readonly string[],
): Promise<Descriptor[]> {
  const entries: Descriptor[] = [];
  for (const folder of folders) {
    const path = inFolder(folder, 'manifest.json');
    const bytes = await view.read(path, MAX_MANIFEST_BYTES);
    const mediaType = detectMediaType(bytes);
    const digest = manifestDigest(bytes, mediaType);
    files.addFile(digest, path);
    const manifest = { mediaType, digest, size: bytes.byteLength };
    entries.push(entryOf(manifest, folder === '' ? digest : folder));
  }
  const wanted = new Set(folders);
  for (const { path } of await view.list()) {
    const [, folder = '', encoded = ''] = /^(?:([^/]+)\/)?([0-9a-f]+)(?:\.manifest\.json)?$/.exec(path) ?? [];
    const digest = `${ALGORITHM_OF_LENGTH.get(encoded.length)}:${encoded}`;
    if (wanted.has(folder) && isDigest(digest)) files.addFile(digest, path);
  }
  return entries;
}

/** The names leave the algorithm out. */
const ALGORITHM_OF_LENGTH = new Map([
  [64, 'sha256'],
  [96, 'sha384'],
  [128, 'sha512'],
]);

function inFolder(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}
