import type { Automaton } from './automaton.js';
import { parseReference, type Reference } from './reference.js';
import { compileRegularExpression } from './regular-expression.js';
import { parsing, SyntaxProblem } from './syntax-problem.js';
import { compareNumbers, compareVersions, parseVersion, type Version } from './version.js';
import { firstNumbers, inRange, parseVersionRange, type VersionRange } from './version-range.js';

/** Which tags of a repository are meant. */
export interface TagSelector {
  /**
   * Returns the tags that are meant, in the order of their versions; those that are no version come first. Versions with
   * a suffix (`1.27-alpine`) are taken if the range names the suffix or `match` is there to choose, or else if no version
   * without one is left.
   */
  select(tags: Iterable<string>): string[];
  /** Returns the tags that a user may have meant when none was selected, at most `most`, in their order. */
  near(tags: readonly string[], most?: number): string[];
}

/** The parts of a selector. */
interface Parts {
  /** Versions in this range; undefined for any version, or with `match` for any tag. */
  range: VersionRange | undefined;
  /** At most this many of each shape, the newest ones. */
  newest: number | undefined;
  /** Only tags in which this is found. */
  match: Automaton | undefined;
  /** No tags in which this is found. */
  not: Automaton | undefined;
}

/** A repository with a selection of its tags, as a user writes it in place of an image. */
export interface TagPattern {
  /** What the user wrote. */
  text: string;
  /** Without a tag and a digest. */
  repository: Reference;
  selector: TagSelector;
}

/** Most characters of a pattern. */
const MOST_CHARACTERS = 1000;

const GRAMMAR =
  'A pattern is REPOSITORY:{RANGE, newest N, match /EXPRESSION/, not /EXPRESSION/}, and each part may be left out: ' +
  'alpine:{>=3.19 <3.22, newest 2}.';

/** True for text that is a pattern of tags rather than the name of an image, which has no braces. */
export function isTagPattern(text: string): boolean {
  return text.includes('{');
}

/** Parses `REPOSITORY:{…}`. Throws `USAGE` with the column, and `INVALID_REFERENCE` for the repository. */
export function parseTagPattern(text: string): TagPattern {
  const start = text.indexOf('{');
  const selector = parsing(text, () => parseSelectorAt(text, start), GRAMMAR);
  const name = parsing(text, () => repositoryBefore(text, start), GRAMMAR);
  const repository = parseReference(name);
  if (repository.tag !== undefined || repository.digest !== undefined)
    parsing(text, () => fail(0, 'a pattern comes in place of a tag and a digest'), GRAMMAR);
  return { text, repository, selector };
}

/** Parses `{…}`, the part of a pattern behind its repository. Throws `USAGE` with the column. */
export function parseTagSelector(text: string): TagSelector {
  return parsing(text, () => parseSelectorAt(text, 0), GRAMMAR);
}

function selectorOf(parts: Parts): TagSelector {
  return {
    select: (tags) => selectTags(parts, tags),
    near: (tags, most = 3) => nearestTags(parts, tags, most),
  };
}

function selectTags({ range, newest, match, not }: Parts, tags: Iterable<string>): string[] {
  const versions: Version[] = [];
  const others: string[] = [];
  let named = 0;
  const isNamed = new Set<Version>();
  for (const tag of new Set(tags)) {
    if (match?.test(tag) === false || not?.test(tag)) continue;
    const version = parseVersion(tag);
    if (range === undefined) {
      if (version === undefined) {
        if (match !== undefined) others.push(tag);
      } else if (match !== undefined || version.prerelease.length === 0) versions.push(version);
      continue;
    }
    const place = version === undefined ? 'out' : inRange(version, range);
    if (version === undefined || place === 'out') continue;
    versions.push(version);
    if (place === 'named') named = isNamed.add(version).size;
  }
  const isPlain = ({ suffix }: Version): boolean => suffix === '';
  const leftOut = match === undefined && (named > 0 || versions.some(isPlain));
  const meant = leftOut ? versions.filter((each) => isPlain(each) || isNamed.has(each)) : versions;
  if (newest === undefined) return [...others.sort(), ...inOrder(meant)];
  return inOrder(newestOf(meant, newest, range === undefined));
}

function nearestTags({ range }: Parts, tags: readonly string[], most: number): string[] {
  const versions = tags.flatMap((tag) => parseVersion(tag) ?? []).sort(compareVersions);
  if (versions.length === 0) return tags.slice(0, most);
  const wanted = range === undefined ? [] : firstNumbers(range);
  const above = versions.findIndex(({ numbers }) => compareNumbers(numbers, wanted) >= 0);
  const middle = wanted.length === 0 || above < 0 ? versions.length : above;
  const first = Math.max(0, Math.min(middle - Math.floor(most / 2), versions.length - most));
  return versions.slice(first, first + most).map(({ text }) => text);
}

function inOrder(versions: readonly Version[]): string[] {
  return [...versions].sort(compareVersions).map(({ text }) => text);
}

/**
 * Returns the newest versions of each shape. Without a range, nobody has named pre-releases, so they count only in
 * shapes that have nothing else.
 */
function newestOf(versions: readonly Version[], count: number, preferReleases: boolean): Version[] {
  const shapes = new Map<string, Version[]>();
  for (const version of versions) {
    const others = shapes.get(version.shape);
    if (others === undefined) shapes.set(version.shape, [version]);
    else others.push(version);
  }
  return [...shapes.values()].flatMap((all) => {
    const releases = preferReleases ? all.filter(({ prerelease }) => prerelease.length === 0) : [];
    return (releases.length > 0 ? releases : all).sort(compareVersions).slice(-count);
  });
}

function repositoryBefore(text: string, brace: number): string {
  if (brace < 2 || text[brace - 1] !== ':') fail(Math.max(0, brace), 'REPOSITORY: must stand before {');
  return text.slice(0, brace - 1);
}

function fail(at: number, message: string): never {
  throw new SyntaxProblem(at, message);
}

/** Parses the selector that begins at `start` and ends with the text. */
function parseSelectorAt(text: string, start: number): TagSelector {
  if (text.length > MOST_CHARACTERS)
    fail(MOST_CHARACTERS, `a pattern has at most ${MOST_CHARACTERS} characters`);
  if (text[start] !== '{') fail(Math.max(0, start), 'a selection of tags begins with {');
  const selector: Parts = { range: undefined, newest: undefined, match: undefined, not: undefined };
  let at = skipSpace(text, start + 1);
  if (text[at] === '}') fail(at, 'nothing is selected: {*} is every version');
  for (let isFirst = true; ; isFirst = false) {
    at = parseItem(text, at, isFirst, selector);
    at = skipSpace(text, at);
    if (text[at] === '}') break;
    if (text[at] !== ',')
      fail(at, at >= text.length ? 'the } is missing' : `a comma or } is expected, not ${text[at]}`);
    at = skipSpace(text, at + 1);
  }
  if (at + 1 < text.length) fail(at + 1, 'nothing may follow the }');
  return selectorOf(selector);
}

/** Parses one part of a selector; returns the place behind it. */
function parseItem(text: string, at: number, isFirst: boolean, selector: Parts): number {
  const [word = ''] = /^(?:newest|match|not)(?![\w.])/.exec(text.slice(at, at + 7)) ?? [];
  if (word === 'newest') {
    if (selector.newest !== undefined) fail(at, 'newest stands here twice');
    const place = skipSpace(text, at + word.length);
    const [digits = ''] = /^\d+/.exec(text.slice(place)) ?? [];
    if (digits.length > 6 || !(Number(digits) > 0)) fail(place, 'newest takes a number from 1 to 999999');
    selector.newest = Number(digits);
    return place + digits.length;
  }
  if (word === 'match' || word === 'not') {
    if (selector[word] !== undefined) fail(at, `${word} stands here twice: /a|b/ is one or the other`);
    const place = skipSpace(text, at + word.length);
    const end = endOfExpression(text, place);
    selector[word] = compileRegularExpression(text.slice(place + 1, end), place + 1);
    return end + 1;
  }
  const [range = ''] = /^[^,}]*/.exec(text.slice(at)) ?? [];
  if (!isFirst) fail(at, 'newest N, match /…/ or not /…/ is expected');
  const parsed = parseVersionRange(range, at);
  if (parsed.text !== '*') selector.range = parsed;
  return at + range.length;
}

/** Returns the place of the slash that ends an expression. */
function endOfExpression(text: string, start: number): number {
  if (text[start] !== '/') fail(start, 'an expression stands between slashes');
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '/') {
      if (at === start + 1) fail(start, 'the expression is empty');
      return at;
    }
  }
  return fail(start, 'this / has no other one at the end of the expression');
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (text[at] === ' ' || text[at] === '\t') at++;
  return at;
}
