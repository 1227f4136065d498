import type { UploadSession } from './upload-session.js';

/** What registries and the proxies before them take in one request, as a run finds it out. */
export interface UploadLimits {
  /** Bytes of a request body, as far as a limit is known. */
  of(registry: string): number | undefined;
  /** After a body of `refused` bytes: takes the next lower limit; false when there is none worth a try. */
  lower(registry: string, refused: number, minBytes?: number | undefined): boolean;
}

/** Pieces for a registry that asks for some: large enough that a request per piece does not matter. */
const CHUNK_BYTES = 64 * 1024 * 1024;
/** More than this no registry can ask for. */
const MAX_MIN_CHUNK_BYTES = 1024 * 1024 * 1024;
/** nginx takes 1 MiB where nothing is set; below half of it, asking the owner is the better way. */
const MIN_LIMIT = 512 * 1024;

export function createUploadLimits(): UploadLimits {
  const limits = new Map<string, number>();
  return {
    of: (registry) => limits.get(registry),
    lower(registry, refused, minBytes = 0) {
      const least = Math.max(MIN_LIMIT, minBytes);
      if (refused <= least) return false;
      const known = limits.get(registry) ?? Number.POSITIVE_INFINITY;
      // Another blob may have found a lower one meanwhile.
      if (known >= refused) {
        limits.set(registry, Math.max(least, Math.floor(Math.min(refused / 2, CHUNK_BYTES))));
      }
      return true;
    },
  };
}

/** The bytes of a piece; `Infinity` where all may go at once. */
export function chunkBytesFor(
  limits: UploadLimits,
  registry: string,
  { minChunkBytes }: UploadSession,
  wanted: number | undefined,
): number {
  const limit = limits.of(registry) ?? Number.POSITIVE_INFINITY;
  if (minChunkBytes === undefined) return Math.min(wanted ?? Number.POSITIVE_INFINITY, limit);
  // Its smallest piece counts more than a limit that was guessed.
  return Math.max(Math.min(minChunkBytes, MAX_MIN_CHUNK_BYTES), Math.min(wanted ?? CHUNK_BYTES, limit));
}
