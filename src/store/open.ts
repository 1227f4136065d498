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
   * Open what different readers would take different images from too, and what has nothing but broken images; the caller
   * reports `contradictions` and `broken`. Default false.
   */
  keepContradictions?: boolean | undefined;
}

/**
 * Opens what is at a path to read: a directory or an archive of any form. Rejects with `NOT_FOUND` when nothing is there,
 * and with `INVALID_ARCHIVE` or `INVALID_LAYOUT` where different readers would take different images. Where all images are
 * broken, it rejects as the first of them does.
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

/** Opens what is at a path, and says so first when that takes the time and the room to decompress it. */
export function openAnnounced(
  path: string,
  {
    signal,
    onWarning,
    memory,
    keepContradictions,
    ...limits
  }: ArchiveLimits & {
    signal?: AbortSignal | undefined;
    onWarning?: ((message: string) => void) | undefined;
    memory?: ArchiveMemoryOptions | undefined;
    /** As for `openPath`. */
    keepContradictions?: boolean | undefined;
  },
): Promise<ImageFiles> {
  return openPath(path, {
    signal,
    memory,
    keepContradictions,
    limits: archiveLimitsOf(limits),
    onSpool: ({ compression, directory }) =>
      onWarning?.(
        `${path} is compressed with ${compression} as a whole: it is decompressed to ${directory} first`,
      ),
  });
}
