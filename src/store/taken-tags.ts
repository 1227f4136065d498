import { formatReference, type Reference } from '../content/reference.js';
import type { TagSelector } from '../content/tag-pattern.js';
import { LadingError } from '../errors.js';
import { isAttachmentTag } from './attached.js';

/** Gathers tags, without those that attach something to an image. */
export async function imageTags(tags: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const tag of tags) if (!isAttachmentTag(tag)) found.push(tag);
  return found;
}

/** The tags of one repository, and what they are selected with. */
export interface Selection {
  /** What the user wrote, for messages. */
  text: string;
  repository: Reference;
  selector: TagSelector;
}

/** Returns the tags that are selected; throws `NOT_FOUND`, with tags that may have been meant, if there are none. */
export function takenTags({ text, repository, selector }: Selection, tags: readonly string[]): string[] {
  const taken = selector.select(tags);
  return taken.length > 0 ? taken : nothingTaken(text, repository, tags, selector.near(tags));
}

/** Throws `NOT_FOUND` for a text that selects no tag. */
export function nothingTaken(
  text: string,
  repository: Reference,
  tags: readonly string[],
  near: readonly string[],
): never {
  const location = formatReference(repository);
  if (tags.length === 0) throw new LadingError('NOT_FOUND', `${location} has no tags`);
  throw new LadingError('NOT_FOUND', `${text} takes none of the ${tags.length} tags of ${location}`, {
    ...(near.length > 0 && { hint: `The nearest: ${near.join(', ')}.` }),
    remedy: 'list',
    remedyFor: location,
  });
}
