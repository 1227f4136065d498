import { parseNamePattern } from '../content/name-pattern.js';
import { readName } from '../content/names.js';
import { formatReference, type Reference } from '../content/reference.js';
import { isTagPattern, parseTagSelector } from '../content/tag-pattern.js';
import { LadingError } from '../errors.js';
import { nothingTaken, takenTags } from './taken-tags.js';

// Together in one file of the program, which is read only for lists that need it.
export { parseTagPattern } from '../content/tag-pattern.js';

/**
 * Returns the names that a text of a user means: a name or the end of one (`api:4.2.0`, `api`), a pattern with `*` and
 * `**`, or one of these with a selection of tags (`api:{>=4, newest 2}`), which is made for each repository by itself.
 * Throws `USAGE` with the column if the text is none of these.
 */
export function namesMeantBy(text: string, names: readonly string[]): string[] {
  if (!isTagPattern(text)) return names.filter(parseNamePattern(text).matches);
  const brace = text.indexOf('{');
  if (brace > 0 && text[brace - 1] !== ':')
    throw new LadingError(
      'USAGE',
      `"${text}", column ${brace + 1}: a selection of tags stands after a colon`,
    );
  const selector = parseTagSelector(text.slice(brace));
  const pattern = parseNamePattern(brace === 0 ? '**' : text.slice(0, brace - 1));
  const repositories = new Map<string, Map<string, string>>();
  for (const name of names) {
    const { repository, tag } = placeOf(name);
    if (tag === undefined || !pattern.matches(name)) continue;
    const tags = repositories.get(repository) ?? new Map<string, string>();
    repositories.set(repository, tags.set(tag, name));
  }
  return [...repositories.values()].flatMap((tags) =>
    selector.select(tags.keys()).flatMap((tag) => tags.get(tag) ?? []),
  );
}

function placeOf(name: string): { repository: string; tag: string | undefined } {
  const read = readName(name);
  if (read.kind === 'tag') return { repository: '', tag: read.tag };
  if (read.kind !== 'image') return { repository: '', tag: undefined };
  const { registry, repository, tag } = read.reference;
  return { repository: formatReference({ registry, repository }), tag };
}

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
