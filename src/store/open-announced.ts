import type { ArchiveMemoryOptions } from './archive/archive-memory.js';
import type { ImageFiles } from './image-files.js';
import { type ArchiveLimits, archiveLimitsOf } from './limits.js';
import { openPath } from './open.js';

/** Opens what is at a path, with a warning first if it must be decompressed, which takes time and disk space. */
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
    /** See `openPath`. */
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
