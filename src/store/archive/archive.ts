import { openTar } from '../../tar/read.js';
import type { ImageFiles } from '../image-files.js';
import { LayoutReader } from '../layout/layout-reader.js';
import { openImageFiles } from './open-files.js';
import { openTarOrSpool, type SpoolOptions } from './spool.js';

/** Opens an archive of any form to read in place; one that is compressed as a whole from a temporary file. */
export async function openArchive(path: string, options: SpoolOptions = {}): Promise<ImageFiles> {
  const view = await openTarOrSpool(path, options);
  try {
    return await openImageFiles(view, { code: 'INVALID_ARCHIVE', signal: options.signal });
  } catch (error) {
    await view.close();
    throw error;
  }
}

/** Opens an OCI layout in a tar, which a universal archive is too; rejects with `INVALID_LAYOUT` for other archives. */
export async function openLayoutArchive(
  path: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<LayoutReader> {
  const view = await openTar(path, options);
  try {
    return await LayoutReader.open(view);
  } catch (error) {
    await view.close();
    throw error;
  }
}
