import type { RegistryError } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import type { UploadLimits } from './limits.js';

/** Statuses of a refused PUT that may be about its body. 405 and 501 are about it too, but leave the upload intact. */
const MAY_BE_OF_BODY = new Set([400, 404, 406, 409, 410, 411, 412, 415, 416, 417, 422]);
/** Statuses that never are about having a body, whoever sent them; after 413, a smaller body is tried. */
const NOT_OF_BODY = new Set([401, 407, 413, 429]);

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
