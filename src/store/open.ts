import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { openDirectory } from '../disk/files.js';
import { LadingError } from '../errors.js';
import { type OpenArchiveOptions, openArchive } from './archive/archive.js';
import type { ArchiveMemoryOptions } from './archive/archive-memory.js';
import { openImageFiles } from './archive/open-files.js';
import type { ImageFiles } from './image-files.js';
import { type ArchiveLimits, archiveLimitsOf } from './limits.js';

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

/** Opens what is at a path, with a warning first if it must be decompressed, which takes time and disk space. */
export function openAnnounced(
  path: string,
  {
    signal,
    onWarning,
    onUnpacked,
    memory,
    keepContradictions,
    ...limits
  }: ArchiveLimits & {
    signal?: AbortSignal | undefined;
    onWarning?: ((message: string) => void) | undefined;
    onUnpacked?: OpenArchiveOptions['onUnpacked'];
    memory?: ArchiveMemoryOptions | undefined;
    /** See `openPath`. */
    keepContradictions?: boolean | undefined;
  },
): Promise<ImageFiles> {
  return openPath(path, {
    signal,
    memory,
    onUnpacked,
    keepContradictions,
    limits: archiveLimitsOf(limits),
    onSpool: ({ compression, directory }) =>
      onWarning?.(
        `${path} is compressed with ${compression} as a whole: it is decompressed to ${directory} first`,
      ),
  });
}
