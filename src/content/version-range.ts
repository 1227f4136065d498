import { SyntaxProblem } from './syntax-problem.js';
import {
  compareNumbers,
  comparePrereleases,
  isDated,
  parseSuffix,
  type Version,
  type VersionSuffix,
} from './version.js';

/** Versions between bounds: `>=3.19 <3.22`, `1.x`, `~1.2`, `^1`, `1.2 - 1.4`, and several of these with `||`. */
export interface VersionRange {
  alternatives: readonly Alternative[];
  /** The text without spaces at its ends. */
  text: string;
}

/** Bounds that hold together. */
interface Alternative {
  bounds: readonly Bound[];
  /** The suffixes that the user wrote, such as `alpine`; if there are any, only versions with one of them are meant. */
  suffixes: ReadonlySet<string>;
  /** The numbers that the suffix must have: 3 and 20 for `1.x-alpine3.20`. */
  suffixNumbers: readonly number[] | undefined;
}

interface Bound {
  operator: '>=' | '>' | '<' | '<=' | '=';
  numbers: readonly number[];
  prerelease: VersionSuffix['prerelease'];
  /** Numbers of the suffix, if the user wrote one. */
  suffixNumbers: readonly number[] | undefined;
  /** True if the user wrote a pre-release here; one of the same numbers is in the range then. */
  namesPrerelease: boolean;
}

/** A version as a range has it, of which the last numbers may be missing. */
interface Partial extends VersionSuffix {
  numbers: readonly number[];
  /** True if it stands for all versions that begin with its numbers. */
  isOpen: boolean;
}

/**
 * Parses a range; `*` is any version. The operators mean what they mean for semantic versions (node-semver), with the
 * missing numbers filled in the same way: `<=3.22` has 3.22.4. `at` is the place of `text` in what the user wrote.
 * Throws a `SyntaxProblem`.
 */
export function parseVersionRange(text: string, at = 0): VersionRange {
  const alternatives: Alternative[] = [];
  let start = 0;
  for (const part of text.split('||')) {
    alternatives.push(parseAlternative(part, at + start));
    start += part.length + 2;
  }
  return { alternatives, text: text.trim() };
}

/**
 * Says whether a version is in a range, and if so whether the range names its suffix. A pre-release is in it only if
 * the range names one of the same numbers, as with semantic versions.
 */
export function inRange(version: Version, { alternatives }: VersionRange): 'named' | 'in' | 'out' {
  let found: 'in' | 'out' = 'out';
  for (const { bounds, suffixes, suffixNumbers } of alternatives) {
    if (suffixes.size > 0 && !suffixes.has(version.suffix)) continue;
    if (suffixNumbers !== undefined && compareNumbers(version.suffixNumbers, suffixNumbers) !== 0) continue;
    if (bounds.some((bound) => isDated(bound.numbers) !== isDated(version.numbers))) continue;
    if (!bounds.every((bound) => isWithin(version, bound)) || !mayBePrerelease(version, bounds)) continue;
    if (suffixes.size > 0) return 'named';
    found = 'in';
  }
  return found;
}

/** Returns the numbers of the first bound, which is where the user looks for versions. */
export function firstNumbers({ alternatives }: VersionRange): readonly number[] {
  return alternatives.flatMap(({ bounds }) => bounds)[0]?.numbers ?? [];
}

function isWithin(version: Version, { operator, numbers, prerelease, suffixNumbers }: Bound): boolean {
  const order =
    compareNumbers(version.numbers, numbers) ||
    comparePrereleases(version.prerelease, prerelease) ||
    (suffixNumbers === undefined ? 0 : compareNumbers(version.suffixNumbers, suffixNumbers));
  switch (operator) {
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
  }
}

function mayBePrerelease({ prerelease, numbers }: Version, bounds: readonly Bound[]): boolean {
  return (
    prerelease.length === 0 ||
    bounds.some((bound) => bound.namesPrerelease && compareNumbers(bound.numbers, numbers) === 0)
  );
}

/** An operator with its version, or a dash between two. */
const WORD = /(>=|<=|>|<|=|~|\^)?\s*([^\s<>=~^|]*)/y;

function parseAlternative(text: string, at: number): Alternative {
  const words: { operator: string; version: string; at: number }[] = [];
  const lead = text.length - text.trimStart().length;
  for (let start = lead; start < text.length; ) {
    WORD.lastIndex = start;
    const [whole = '', operator = '', version = ''] = WORD.exec(text) ?? [];
    const end = start + whole.length;
    if (version === '')
      throw new SyntaxProblem(
        at + end,
        operator === '' ? `a version is expected, not ${text[end]}` : `a version must follow ${operator}`,
      );
    words.push({ operator, version, at: at + end - version.length });
    start = text.length - text.slice(end).trimStart().length;
  }
  const [first, dash, last, ...rest] = words;
  if (first === undefined) throw new SyntaxProblem(at + lead, 'a range of versions is expected');
  if (dash?.version === '-' && dash.operator === '') {
    if (last === undefined || rest.length > 0 || first.operator !== '' || last.operator !== '')
      throw new SyntaxProblem(dash.at, 'a dash stands between two versions, and nothing else beside them');
    const [from, to] = [parsePartial(first.version, first.at), parsePartial(last.version, last.at)];
    return {
      bounds: [...boundsOf('>=', from), ...boundsOf('<=', to)],
      suffixes: suffixesOf([from, to]),
      suffixNumbers: undefined,
    };
  }
  const partials = words.map((word) => ({ ...word, partial: parsePartial(word.version, word.at) }));
  return {
    bounds: partials.flatMap(({ operator, partial }) => boundsOf(operator, partial)),
    suffixes: suffixesOf(partials.map(({ partial }) => partial)),
    suffixNumbers: partials.find(isExactSuffix)?.partial.suffixNumbers,
  };
}

function suffixesOf(partials: readonly Partial[]): Set<string> {
  return new Set(partials.flatMap(({ suffix }) => (suffix === '' ? [] : [suffix])));
}

/** Bounds compare the numbers of a suffix as well; a version that is all of `1.x` has no bound for them. */
function isExactSuffix({ operator, partial }: { operator: string; partial: Partial }): boolean {
  return /^=?$/.test(operator) && partial.isOpen && partial.suffixNumbers.length > 0;
}

const ANY = /^[xX*]$/;

function parsePartial(text: string, at: number): Partial {
  const [whole = '', prefix = '', dotted = ''] =
    /^([vV]?)((?:\d+|[xX*])(?:\.(?:\d+|[xX*]))*)/.exec(text) ?? [];
  if (dotted === '') throw new SyntaxProblem(at, `"${text}" is no version`);
  const parts = dotted.split('.');
  const wildcard = parts.findIndex((part) => ANY.test(part));
  const given = wildcard < 0 ? parts : parts.slice(0, wildcard);
  let place = at + prefix.length;
  for (const [index, part] of parts.entries()) {
    if (part.length > 15) throw new SyntaxProblem(place, 'this number has more than 15 digits');
    if (wildcard >= 0 && index > wildcard && !ANY.test(part))
      throw new SyntaxProblem(place, `after ${parts[wildcard]} there is no number`);
    place += part.length + 1;
  }
  const rest = text.slice(whole.length);
  // A dot may begin a suffix (`3.1.4.Final`), but not stand for a number.
  if (/[^\w.+-]|^\.(?![A-Za-z])/.test(rest))
    throw new SyntaxProblem(at + whole.length, `"${text}" is no version`);
  const suffix = parseSuffix(rest);
  const isOpen = wildcard >= 0 || (given.length < 3 && suffix.prerelease.length === 0);
  if (wildcard >= 0 && suffix.prerelease.length > 0)
    throw new SyntaxProblem(at + whole.length, 'a pre-release is that of a whole version');
  return { numbers: given.map(Number), isOpen, ...suffix };
}

/** Returns the bounds for an operator before a version. */
function boundsOf(operator: string, version: Partial): Bound[] {
  const { numbers, isOpen } = version;
  const last = numbers.length - 1;
  if (last < 0) {
    // Less or more than anything is nothing.
    return operator === '<' || operator === '>' ? [{ ...lowest([]), operator: '<' }] : [];
  }
  const from = exactly('>=', version);
  switch (operator) {
    case '>=':
      return [from];
    case '<':
      return [isOpen ? lowest(numbers) : exactly('<', version)];
    case '>':
      return [
        isOpen ? { ...lowest(raised(numbers, last)), operator: '>=', prerelease: [] } : exactly('>', version),
      ];
    case '<=':
      return [isOpen ? lowest(raised(numbers, last)) : exactly('<=', version)];
    case '~':
      return [from, lowest(raised(numbers, Math.min(1, last)))];
    case '^': {
      const significant = numbers.findIndex((number) => number > 0);
      return [from, lowest(raised(numbers, significant < 0 ? last : significant))];
    }
    default:
      return isOpen
        ? [{ ...from, suffixNumbers: undefined }, lowest(raised(numbers, last))]
        : [exactly('=', version)];
  }
}

function exactly(
  operator: Bound['operator'],
  { numbers, prerelease, suffix, suffixNumbers }: Partial,
): Bound {
  return {
    operator,
    numbers,
    prerelease,
    suffixNumbers: suffix === '' ? undefined : suffixNumbers,
    namesPrerelease: prerelease.length > 0,
  };
}

/** A bound below these numbers and all of their pre-releases. */
function lowest(numbers: readonly number[]): Bound {
  return { operator: '<', numbers, prerelease: [0], suffixNumbers: undefined, namesPrerelease: false };
}

/** Returns the numbers up to `place`, with that one raised by 1. */
function raised(numbers: readonly number[], place: number): number[] {
  return [...numbers.slice(0, place), (numbers[place] ?? 0) + 1];
}
