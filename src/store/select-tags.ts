import { parseNamePattern } from '../content/name-pattern.js';
import { formatReference, type Reference } from '../content/reference.js';
import { parseTagSelector } from '../content/tag-pattern.js';
import { nothingTaken, takenTags } from './taken-tags.js';

/**
 * Returns the tags of a repository that texts of a user mean, each once: `{>=1.2, newest 2}`, a tag or a pattern of tags
 * (`3.*`), or a pattern of names that are tagged (`alpine:3.*`). Throws `NOT_FOUND` if a text means none, and `USAGE`.
 */
export function tagsMeantBy(
  texts: readonly string[],
  tags: readonly string[],
  { registry, repository }: Reference,
): string[] {
  const place = { registry, repository };
  const meant = texts.flatMap((text) => {
    if (text.startsWith('{'))
      return takenTags({ text, repository: place, selector: parseTagSelector(text) }, tags);
    const name = formatReference(place);
    const { matches } = parseNamePattern(/[/:]/.test(text) ? text : `${name}:${text}`);
    const found = tags.filter((tag) => matches(`${name}:${tag}`));
    return found.length > 0 ? found : nothingTaken(text, place, tags, []);
  });
  return [...new Set(meant)];
}
