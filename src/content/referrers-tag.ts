import { algorithmOf, type Digest, encodedOf } from './digest.js';

/**
 * The tag under which the index of a subject's referrers is kept where there is no API for them: in a registry
 * without it, and in layouts. Nothing in a digest needs replacing. (distribution-spec, "Referrers Tag Schema")
 */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${encodedOf(subject).slice(0, 64)}`;
}
