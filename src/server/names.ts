import { type Digest, digestProblem } from '../content/digest.js';
import { isRepository, isTag } from '../content/reference.js';
import { Refusal } from './errors.js';

/** Joins path segments to a repository name; throws `NAME_INVALID`. */
export function requireRepository(segments: string[]): string {
  const name = segments.join('/');
  // Checked per segment because a decoded slash cannot be told from a real one after joining.
  if (segments.some((segment) => segment.includes('/')) || !isRepository(name))
    throw new Refusal('NAME_INVALID', 'invalid repository name', { detail: { name } });
  return name;
}

/** Parses a digest; throws `DIGEST_INVALID` with the reason. */
export function requireDigest(text: string): Digest {
  const problem = digestProblem(text);
  if (problem !== undefined)
    throw new Refusal('DIGEST_INVALID', `invalid digest: ${problem}`, { detail: text });
  return text as Digest; // digestProblem found none
}

/** Checks a tag to be written; throws `TAG_INVALID`. */
export function requireTag(text: string): string {
  if (!isTag(text)) throw new Refusal('TAG_INVALID', 'invalid tag', { detail: { tag: text } });
  return text;
}
