import type { RegistryError } from '../../errors.js';
import { isRetryable } from '../../retry.js';
import type { UploadLimits } from './limits.js';

/** Refusals of a PUT that may be meant for its body; 405 and 501 say so, and leave the upload as it was. */
const MAY_BE_OF_BODY = new Set([400, 404, 406, 409, 410, 411, 412, 415, 416, 417, 422]);
/** Refusals that say what they are about, whoever they come from; of 413 a smaller body is tried. */
const NOT_OF_BODY = new Set([401, 407, 413, 429]);

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
