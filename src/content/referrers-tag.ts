import { algorithmOf, type Digest, encodedOf } from './digest.js';

/**
 * Returns the tag for the index of a subject's referrers, as used in layouts and in registries without the referrers
 * API. A digest has no characters that a tag may not have. (distribution-spec, "Referrers Tag Schema")
 */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${encodedOf(subject).slice(0, 64)}`;
}
