import type { DecompressLimits } from '../compression/compression.js';

/** For what reads archives: one that is compressed as a whole is decompressed first. */
export interface ArchiveLimits {
  /** Most bytes that an archive may have when it is decompressed; default no limit but `maxRatio`. */
  maxArchiveBytes?: number | undefined;
  /** Most decompressed bytes for each compressed one, of archives and layers; default 1100. */
  maxRatio?: number | undefined;
}

/** For what decompresses layers too. */
export interface LayerLimits extends ArchiveLimits {
  /** Most bytes that a layer may have when it is decompressed; default no limit but `maxRatio`. */
  maxLayerBytes?: number | undefined;
}

export function limitsOf({ maxLayerBytes, maxRatio }: LayerLimits): DecompressLimits {
  return {
    ...(maxLayerBytes !== undefined && { maxBytes: maxLayerBytes }),
    ...(maxRatio !== undefined && { maxRatio }),
  };
}

export function archiveLimitsOf({ maxArchiveBytes, maxRatio }: ArchiveLimits): DecompressLimits {
  return {
    ...(maxArchiveBytes !== undefined && { maxBytes: maxArchiveBytes, limit: 'maxArchiveBytes' }),
    ...(maxRatio !== undefined && { maxRatio }),
  };
}
