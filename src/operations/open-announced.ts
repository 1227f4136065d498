import type { ArchiveMemoryOptions } from '../store/archive/archive-memory.js';
import type { ImageFiles } from '../store/image-files.js';
import { openPath } from '../store/open.js';
import { type ArchiveLimits, archiveLimitsOf } from './layer-limits.js';

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
