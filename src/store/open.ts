import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { openDirectory } from '../disk/files.js';
import { LadingError } from '../errors.js';
import { type OpenArchiveOptions, openArchive } from './archive/archive.js';
import { openImageFiles } from './archive/open-files.js';
import type { ImageFiles } from './image-files.js';

export interface OpenPathOptions extends OpenArchiveOptions {
  /**
   * Also open an archive that different readers would take different images from, or that has only broken images; the
   * caller reports `contradictions` and `broken`. Default false.
   */
  keepContradictions?: boolean | undefined;
}

/**
 * Opens a directory, or an archive of any form, for reading. Rejects with `NOT_FOUND` if `path` does not exist, with
 * `INVALID_ARCHIVE` or `INVALID_LAYOUT` if different readers would take different images, and with the error of the
 * first image if all are broken.
 */
export async function openPath(path: string, options: OpenPathOptions = {}): Promise<ImageFiles> {
  const images = await openAny(path, options);
  try {
    if (options.keepContradictions !== true) {
      images.requireOneMeaning();
      images.requireImages();
    }
    return images;
  } catch (error) {
    await images.close();
    throw error;
  }
}

async function openAny(path: string, options: OpenArchiveOptions): Promise<ImageFiles> {
  if (!existsSync(path)) throw new LadingError('NOT_FOUND', `${path} does not exist`);
  const stats = await stat(path);
  if (stats.isDirectory())
    return openImageFiles(openDirectory(path), { code: 'INVALID_LAYOUT', signal: options.signal });
  if (stats.isFile()) return openArchive(path, options);
  throw new LadingError('UNSUPPORTED', `${path} is neither a directory nor a file`);
}
