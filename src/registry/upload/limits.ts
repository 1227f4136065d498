import type { RegistryError } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import type { UploadSession } from './session.js';

/** Refusals of a PUT that may be meant for its body; 405 and 501 say so, and leave the upload as it was. */
const MAY_BE_OF_BODY = new Set([400, 404, 406, 409, 410, 411, 412, 415, 416, 417, 422]);
/** Refusals that say what they are about, whoever they come from; of 413 a smaller body is tried. */
const NOT_OF_BODY = new Set([401, 407, 413, 429]);

/** What registries and the proxies before them take in one request, as a run finds it out. */
export interface UploadLimits {
  /** Bytes of a request body, as far as a limit is known. */
  of(registry: string): number | undefined;
  /** After a body of `refused` bytes: takes the next lower limit; false when there is none worth a try. */
  lower(registry: string, refused: number, minBytes?: number | undefined): boolean;
  /** Whether blobs are sent by PATCH before the PUT that ends the upload: some registries want no body in that. */
  endsWithoutBody(registry: string): boolean;
  /** Notes that a PUT with a body failed; whether that happened before, so that the body may be the reason. */
  failedWithBody(registry: string): boolean;
  /** Notes that the registry took a blob so after it had refused it whole. */
  endWithoutBody(registry: string): void;
}

/** Pieces for a registry that asks for some: large enough that a request per piece does not matter. */
const CHUNK_BYTES = 64 * 1024 * 1024;
/** More than this no registry can ask for. */
const MAX_MIN_CHUNK_BYTES = 1024 * 1024 * 1024;
/** nginx takes 1 MiB where nothing is set; below half of it, asking the owner is the better way. */
const MIN_LIMIT = 512 * 1024;

export function createUploadLimits(): UploadLimits {
  const limits = new Map<string, number>();
  const failed = new Set<string>();
  const withoutBody = new Set<string>();
  return {
    failedWithBody(registry) {
      const isAgain = failed.has(registry);
      failed.add(registry);
      return isAgain;
    },
    endsWithoutBody: (registry) => withoutBody.has(registry),
    endWithoutBody: (registry) => void withoutBody.add(registry),
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

/**
 * Whether a PUT with all bytes may have failed for having a body: registries that know the way of Docker only, bytes by
 * PATCH, refuse it in many words. What may pass is worth another try first, which goes on from what the registry has:
 * where that is nothing again (`isAgain`), something on the way may take no such requests. Old Pulp says 500 always. A
 * refusal without a registry's code may come from what stands before it.
 */
export function mayBeOfBody(
  error: RegistryError,
  { registry, limits, isAgain }: { registry: string; limits: UploadLimits; isAgain: boolean },
): boolean {
  const { status, registryCodes } = error;
  if (status === 500) return limits.failedWithBody(registry);
  if (isRetryable(error) && status !== 429) {
    if (isAgain) limits.endWithoutBody(registry);
    return isAgain;
  }
  if (status === undefined || status < 400 || status >= 500) return false;
  return MAY_BE_OF_BODY.has(status) || (registryCodes.length === 0 && !NOT_OF_BODY.has(status));
}
