import { formatReference, type Reference, withDefaultTag } from '../../content/reference.js';
import type { LockedPattern } from '../../lock/lock.js';
import type { ImageText, ResolvedPattern } from '../expand-images.js';

/** The texts that an image was asked for by. */
interface GivenTexts {
  /** Texts that name it. */
  direct: readonly string[];
  /** Patterns that took it, and names of its repository, of which every tag was asked for. */
  patterns: readonly string[];
}

/** Finds the texts for the images that they were expanded to, and the patterns with the tags that are left of them. */
export function givenFor(
  texts: readonly ImageText[],
  references: readonly Reference[],
  { allTags = false, resolved }: { allTags?: boolean | undefined; resolved: readonly ResolvedPattern[] },
): { of(reference: Reference): GivenTexts; patterns: LockedPattern[] } {
  const direct = new Map<string, string[]>();
  const taking = new Map<string, string[]>();
  const patterns = new Map<string, LockedPattern>();
  const tags = tagsByRepository(references);
  const add = (to: Map<string, string[]>, name: string, text: string): void => {
    const known = to.get(name) ?? [];
    if (!known.includes(text)) to.set(name, [...known, text]);
  };
  for (const { kind, text, reference } of texts) {
    if (kind === 'pattern') continue;
    const isEveryTag = allTags && reference.tag === undefined && reference.digest === undefined;
    if (!isEveryTag) {
      add(direct, formatReference(withDefaultTag(reference)), text);
      continue;
    }
    const repository = formatReference(reference);
    const taken = tags.get(repository) ?? [];
    for (const tag of taken) add(taking, `${repository}:${tag}`, text);
    patterns.set(text, { text, repository, resolved: taken });
  }
  for (const { text, repository, resolved: names } of resolved) {
    for (const name of names) add(taking, name, text);
    patterns.set(text, {
      text,
      repository,
      resolved: names.map((name) => name.slice(repository.length + 1)),
    });
  }
  return {
    of(reference) {
      const name = formatReference(reference);
      return { direct: direct.get(name) ?? [], patterns: taking.get(name) ?? [] };
    },
    patterns: [...patterns.values()],
  };
}

function tagsByRepository(references: readonly Reference[]): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  for (const { registry, repository, tag } of references) {
    const name = formatReference({ registry, repository });
    const known = tags.get(name) ?? [];
    tags.set(name, known);
    if (tag !== undefined && !known.includes(tag)) known.push(tag);
  }
  return tags;
}
