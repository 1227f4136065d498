import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Descriptor } from '../../src/content/descriptor.js';
import { openDirectory } from '../../src/disk/files.js';
import { blobPath, LayoutReader } from '../../src/store/layout/layout-reader.js';
import { openTar } from '../../src/tar/read.js';
import { tarOf } from '../support/docker-archives.js';
import type { Content } from '../support/images.js';

/**
 * Writes a layout with these contents and an image without a name, or with other entries, as a directory or a tar, and
 * opens it.
 */
export async function layoutOf(
  path: string,
  {
    contents,
    manifest,
    entries = manifest === undefined ? [] : [manifest.descriptor],
  }: { contents: readonly Content[]; manifest?: Content; entries?: readonly Descriptor[] },
  form: 'directory' | 'tar' = 'directory',
): Promise<LayoutReader> {
  const files: Record<string, Buffer | string> = {
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }),
  };
  for (const { descriptor, bytes } of contents) files[blobPath(descriptor.digest)] = bytes;
  if (form === 'tar') {
    await writeFile(path, tarOf(files));
    return LayoutReader.open(await openTar(path));
  }
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), bytes);
  }
  return LayoutReader.open(openDirectory(path));
}
