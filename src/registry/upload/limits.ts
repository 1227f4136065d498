import type { RegistryError } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import type { UploadSession } from './session.js';

/** Statuses of a refused PUT that may be about its body. 405 and 501 are about it too, but leave the upload intact. */
const MAY_BE_OF_BODY = new Set([400, 404, 406, 409, 410, 411, 412, 415, 416, 417, 422]);
/** Statuses that are never about having a body, of a registry or a proxy; after 413, a smaller body is tried. */
const NOT_OF_BODY = new Set([401, 407, 413, 429]);

/** What a run learns about the request bodies that registries, and proxies in front of them, accept. */
export interface UploadLimits {
  /** Returns the maximum size of a request body in bytes; undefined if no limit is known. */
  of(registry: string): number | undefined;
  /** Lowers the limit after a body of `refused` bytes was refused; returns false if a lower one is not worth a try. */
  lower(registry: string, refused: number, minBytes?: number | undefined): boolean;
  /** Whether to send blobs by PATCH, and to end the upload with a PUT without a body, which some registries require. */
  endsWithoutBody(registry: string): boolean;
  /**
   * Records that a PUT with a body failed; returns whether that happened before, so that the body may be the reason.
   */
  failedWithBody(registry: string): boolean;
  /** Records that the registry accepted a blob this way after it had refused a PUT with all bytes. */
  endWithoutBody(registry: string): void;
}

/** Size of a chunk if the registry asks for chunks; large enough that one request for each does not matter. */
const CHUNK_BYTES = 64 * 1024 * 1024;
/** Limit of the minimum chunk size that a registry may ask for. */
const MAX_MIN_CHUNK_BYTES = 1024 * 1024 * 1024;
/** nginx accepts 1 MiB by default. Below half of that, it is better to ask the owner to raise the limit. */
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
      // Another blob's upload may have lowered the limit meanwhile.
      if (known >= refused) {
        limits.set(registry, Math.max(least, Math.floor(Math.min(refused / 2, CHUNK_BYTES))));
      }
      return true;
    },
  };
}

/** Returns the size of a chunk in bytes; `Infinity` if everything may be sent at once. */
export function chunkBytesFor(
  limits: UploadLimits,
  registry: string,
  { minChunkBytes }: UploadSession,
  wanted: number | undefined,
): number {
  const limit = limits.of(registry) ?? Number.POSITIVE_INFINITY;
  if (minChunkBytes === undefined) return Math.min(wanted ?? Number.POSITIVE_INFINITY, limit);
  // The registry's minimum takes precedence over a limit that was guessed.
  return Math.max(Math.min(minChunkBytes, MAX_MIN_CHUNK_BYTES), Math.min(wanted ?? CHUNK_BYTES, limit));
}

/**
 * Whether a PUT with all bytes may have failed because it has a body. Registries that support only Docker's way, which
 * sends the bytes by PATCH, refuse it with various statuses. An error that may be temporary is retried first, from the
 * bytes that the registry has; if that fails too (`isAgain`), something on the way may not let such requests pass. Old
 * Pulp always answers 500. A refusal without a registry's error code may come from a proxy.
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
