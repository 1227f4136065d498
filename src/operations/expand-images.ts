import { formatReference, parseReference, type Reference, withDefaultTag } from '../content/reference.js';
import type { TagPattern } from '../content/tag-pattern.js';
import { isLadingError, LadingError } from '../errors.js';
import { imageTags, takenTags } from '../store/taken-tags.js';

/** An image, or a pattern of tags, as a user writes it in a list. */
export type ImageText =
  | { kind: 'image'; text: string; reference: Reference }
  | { kind: 'pattern'; text: string; reference: Reference; pattern: TagPattern };

/** What a pattern of tags stood for when its repository was asked. */
export interface ResolvedPattern {
  /** The pattern as the user wrote it. */
  text: string;
  /** The repository in full, `docker.io/library/alpine`. */
  repository: string;
  /** The names of the images that it took, in full, in the order of their versions; without those that are excluded. */
  resolved: string[];
}

export interface ExpandedImages {
  /** Each image with a tag or a digest, in the order of the texts; one that several texts mean is there once for each. */
  references: Reference[];
  patterns: ResolvedPattern[];
  /** What each text of `exclude` left out, by the names in full. */
  excluded: { text: string; names: string[] }[];
  /** The texts that could not be turned into images; only with `keepGoing`. */
  failures: { name: string; error: unknown }[];
}

export interface ExpandImagesOptions {
  /** Lists the tags of a repository, also those of attachments; called once for each repository at most. */
  tagsOf: (repository: Reference) => AsyncIterable<string>;
  /** Take every tag of repositories that are named without a tag; default false, which takes `latest`. */
  allTags?: boolean | undefined;
  /**
   * Leave these images out, by their names, the ends of their names, or patterns (`ghcr.io/product/*`, `alpine:{<3.19}`);
   * default none.
   */
  exclude?: readonly string[] | undefined;
  /** Go on with the other texts if one cannot be turned into images, unless it is the only one; default false. */
  keepGoing?: boolean | undefined;
}

/**
 * Parses names of images and patterns of tags, without asking anyone. Rejects with `INVALID_REFERENCE`, and with
 * `USAGE` and a column for patterns.
 */
export async function parseImageTexts(texts: readonly string[]): Promise<ImageText[]> {
  const parsed: ImageText[] = [];
  for (const text of texts) {
    if (text.includes('{')) {
      const { parseTagPattern } = await import('../store/match-names.js'); // most lists have no pattern
      const pattern = parseTagPattern(text);
      parsed.push({ kind: 'pattern', text, reference: pattern.repository, pattern });
    } else {
      parsed.push({ kind: 'image', text, reference: parseReference(text) });
    }
  }
  return parsed;
}

/**
 * Turns names and patterns into images, by asking the repositories that have to be asked. Tags that attach signatures
 * and SBOMs are never taken. Rejects with `NOT_FOUND` if a pattern takes nothing, a repository has no tags,
 * or nothing is left.
 */
export async function expandImages(
  texts: readonly ImageText[],
  { tagsOf, allTags = false, exclude = [], keepGoing = false }: ExpandImagesOptions,
): Promise<ExpandedImages> {
  const listed = new Map<string, Promise<string[]>>();
  const list = (repository: Reference): Promise<string[]> => {
    const key = formatRepository(repository);
    const tags = listed.get(key) ?? imageTags(tagsOf(repository));
    listed.set(key, tags);
    return tags;
  };
  const expanded: ExpandedImages = { references: [], patterns: [], excluded: [], failures: [] };
  for (const each of texts) {
    try {
      const tags = await tagsFor(each, allTags, list);
      const { registry, repository } = each.reference;
      const references = tags?.map((tag) => ({ registry, repository, tag })) ?? [
        withDefaultTag(each.reference),
      ];
      expanded.references.push(...references);
      if (each.kind === 'pattern') {
        const resolved = references.map(formatReference);
        expanded.patterns.push({ text: each.text, repository: formatRepository(each.reference), resolved });
      }
    } catch (error) {
      if (!keepGoing || !isLadingError(error) || error.code === 'ABORTED') throw error;
      expanded.failures.push({ name: each.text, error });
    }
  }
  const [failure] = expanded.failures;
  if (failure !== undefined && expanded.references.length === 0) throw failure.error;
  if (exclude.length === 0) return expanded;
  const { isLeft, excluded } = await excluding(exclude, expanded.references.map(formatReference));
  return {
    ...expanded,
    references: expanded.references.filter((reference) => isLeft(formatReference(reference))),
    patterns: expanded.patterns.map((each) => ({ ...each, resolved: each.resolved.filter(isLeft) })),
    excluded,
  };
}

/**
 * Says which of the names, which are in full, are left when texts of a user exclude some. Rejects with `NOT_FOUND` if
 * there are names and none is left, and with `USAGE`.
 */
export async function excluding(
  exclude: readonly string[],
  names: readonly string[],
): Promise<Pick<ExpandedImages, 'excluded'> & { isLeft(name: string): boolean }> {
  const { namesMeantBy } = await import('../store/match-names.js'); // few lists leave something out
  const excluded = exclude.map((text) => ({ text, names: [...new Set(namesMeantBy(text, names))] }));
  const out = new Set(excluded.flatMap((each) => each.names));
  const isLeft = (name: string): boolean => !out.has(name);
  if (names.length === 0 || names.some(isLeft)) return { excluded, isLeft };
  throw new LadingError('NOT_FOUND', `nothing is left: all ${out.size} images are excluded`);
}

/** Returns the tags that a text stands for; undefined for a single image. */
async function tagsFor(
  text: ImageText,
  allTags: boolean,
  list: (repository: Reference) => Promise<string[]>,
): Promise<string[] | undefined> {
  const { reference } = text;
  if (text.kind === 'pattern') return takenTags(text.pattern, await list(reference));
  if (!allTags || reference.tag !== undefined || reference.digest !== undefined) return undefined;
  const tags = await list(reference);
  if (tags.length > 0) return tags;
  throw new LadingError('NOT_FOUND', `${formatRepository(reference)} has no tags`);
}

function formatRepository({ registry, repository }: Reference): string {
  return formatReference({ registry, repository });
}
