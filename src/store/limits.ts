import type { DecompressLimits } from '../compression/compression.js';

/** Limits for reading archives. An archive that is compressed as a whole is decompressed first. */
export interface ArchiveLimits {
  /** Maximum size of a decompressed archive in bytes; default: only limited by `maxRatio`. */
  maxArchiveBytes?: number | undefined;
  /** Maximum number of decompressed bytes per compressed byte, for archives and layers; default 1100. */
  maxRatio?: number | undefined;
}

/** Limits for reading archives and decompressing layers. */
export interface LayerLimits extends ArchiveLimits {
  /** Maximum size of a decompressed layer in bytes; default: only limited by `maxRatio`. */
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
