import { ContentError, LadingError } from '../errors.js';
import type { FileView } from '../files.js';
import { openTar } from '../tar/read.js';
import { LayoutReader } from './layout-reader.js';

/** Opens an archive to read in place: an OCI layout in a tar, which a universal archive is too. */
export async function openArchive(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LayoutReader> {
  const view = await openTar(path, options);
  try {
    await requireLayout(view);
    return await LayoutReader.open(view);
  } catch (error) {
    await view.close();
    throw error;
  }
}

async function requireLayout(view: FileView): Promise<void> {
  if ((await view.size('oci-layout')) !== undefined || (await view.size('index.json')) !== undefined) return;
  if ((await view.size('manifest.json')) !== undefined || (await view.size('repositories')) !== undefined) {
    throw new LadingError(
      'UNSUPPORTED',
      `${view.location} is a docker-archive without an OCI layout, which lading cannot read yet`,
      {
        hint: 'Load it with docker load, push the image to a registry, and save it from there.',
      },
    );
  }
  throw new ContentError(
    'INVALID_ARCHIVE',
    `${view.location} is a tar, but not one of images: it has neither oci-layout nor manifest.json`,
  );
}
