import { type Digest, digestProblem } from '../content/digest.js';
import { isRepository, isTag } from '../content/reference.js';
import { Refusal } from './errors.js';

/** Path segments → repository name; throws `NAME_INVALID`. */
export function requireRepository(segments: string[]): string {
  const name = segments.join('/');
  // Per segment first: once joined, a decoded slash cannot be told from a real one.
  if (segments.some((segment) => segment.includes('/')) || !isRepository(name))
    throw new Refusal('NAME_INVALID', 'invalid repository name', { detail: { name } });
  return name;
}

/** Text → digest; throws `DIGEST_INVALID` with what is wrong. */
export function requireDigest(text: string): Digest {
  const problem = digestProblem(text);
  if (problem !== undefined)
    throw new Refusal('DIGEST_INVALID', `invalid digest: ${problem}`, { detail: text });
  return text as Digest; // digestProblem has found nothing
}

/** Text → a tag that may be given; throws `TAG_INVALID`. */
export function requireTag(text: string): string {
  if (!isTag(text)) throw new Refusal('TAG_INVALID', 'invalid tag', { detail: { tag: text } });
  return text;
}
