import type { DecompressLimits } from '../compression.js';

export interface LayerLimits {
  /** Most bytes that a layer may have when it is decompressed; default no limit but `maxRatio`. */
  maxLayerBytes?: number | undefined;
  /** Most decompressed bytes for each compressed one; default 1100. */
  maxRatio?: number | undefined;
}

export function limitsOf({ maxLayerBytes, maxRatio }: LayerLimits): DecompressLimits {
  return {
    ...(maxLayerBytes !== undefined && { maxBytes: maxLayerBytes }),
    ...(maxRatio !== undefined && { maxRatio }),
  };
}
