/** A version in a tag. Tags of images are no semantic versions: `22.04`, `1.27-alpine3.20`, `1.45.0-debian-11-r26`. */
export interface Version {
  /** The tag. */
  text: string;
  /** The numbers before the suffix, the most significant first. */
  numbers: readonly number[];
  /** Words and numbers of a pre-release, such as `rc` and 1; empty for a release. */
  prerelease: readonly (string | number)[];
  /** What follows, with `#` for each number and `%` for a hash: `-debian-11-r26` is `debian#r#`; empty for none. */
  suffix: string;
  /** The numbers of the suffix. */
  suffixNumbers: readonly number[];
  /** What versions have in common that can be compared: `v` or not, how many numbers, the suffix. */
  shape: string;
}

/** What follows the numbers of a version. */
export type VersionSuffix = Pick<Version, 'prerelease' | 'suffix' | 'suffixNumbers'>;

/** Words that name a pre-release wherever they stand. */
const PRERELEASES = new Set(
  (
    'alpha beta rc cr pre preview dev devel snapshot nightly canary ea next edge unstable experimental milestone ' +
    'insiders test'
  ).split(' '),
);
/** Larger numbers are not exact; a longer run of digits is no number of a version. */
const MOST_DIGITS = 15;
/** From here on, the first number of a version is a date or a count of builds: `20240923`, `202409`. */
const LEAST_DATE = 100_000;

/**
 * Parses a tag as a version, or returns undefined: `latest`, `stable-1.2` and hashes of commits are none. The numbers
 * come first, after a `v`; all else is a pre-release or a suffix. (Renovate's versioning of docker images has the same
 * idea of what can be compared.)
 */
export function parseVersion(text: string): Version | undefined {
  const [, prefix = '', dotted = '', rest = ''] = /^([vV]?)(\d+(?:\.\d+)*)(.*)$/s.exec(text) ?? [];
  if (dotted === '' || (isHash(text) && prefix === '')) return undefined;
  const parts = dotted.split('.');
  if (parts.some(({ length }) => length > MOST_DIGITS)) return undefined;
  const numbers = parts.map(Number);
  const { prerelease, suffix, suffixNumbers } = parseSuffix(rest);
  const kind = isDated(numbers) ? 'date ' : '';
  const shape = `${kind}${prefix === '' ? '' : 'v'}${numbers.length} ${suffix}`;
  return { text, numbers, prerelease, suffix, suffixNumbers, shape };
}

/** Parses what follows the numbers of a version. */
export function parseSuffix(rest: string): VersionSuffix {
  const prerelease: (string | number)[] = [];
  const suffixNumbers: number[] = [];
  let suffix = '';
  let isInPrerelease = false;
  const isGlued = /^[a-zA-Z]/.test(rest);
  for (const [place, segment] of rest.split(/[-_.+]/).entries()) {
    if (isHash(segment)) {
      suffix += '%';
      continue;
    }
    const isShort = isShortPrerelease(segment, isGlued && place === 0);
    for (const token of segment.match(/[A-Za-z]+|\d+|[^A-Za-z\d]+/g) ?? []) {
      const isNumber = /^\d/.test(token) && token.length <= MOST_DIGITS;
      const word = token.toLowerCase();
      if (!isNumber) isInPrerelease = PRERELEASES.has(word) || isShort;
      if (isInPrerelease) prerelease.push(isNumber ? Number(token) : word);
      else if (isNumber) suffixNumbers.push(Number(token));
      if (!isInPrerelease) suffix += isNumber ? '#' : token;
    }
  }
  return { prerelease, suffix, suffixNumbers };
}

/** True for versions that are dates, or count builds: they are not compared with others. */
export function isDated([first = 0]: readonly number[]): boolean {
  return first >= LEAST_DATE;
}

/** Compares by numbers, a missing one being 0, then by pre-release, by the numbers of the suffix, and by the text. */
export function compareVersions(a: Version, b: Version): number {
  return (
    compareNumbers(a.numbers, b.numbers) ||
    comparePrereleases(a.prerelease, b.prerelease) ||
    compareNumbers(a.suffixNumbers, b.suffixNumbers) ||
    a.numbers.length - b.numbers.length ||
    (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)
  );
}

export function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let place = 0; place < Math.max(a.length, b.length); place++) {
    const difference = (a[place] ?? 0) - (b[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A release comes after its pre-releases; a number before a word. (Semantic Versioning 2.0.0, item 11) */
export function comparePrereleases(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  for (let place = 0; place < Math.min(a.length, b.length); place++) {
    const [left, right] = [a[place] ?? 0, b[place] ?? 0];
    if (left === right) continue;
    if (typeof left === 'number') return typeof right === 'number' ? left - right : -1;
    return typeof right === 'number' || left > right ? 1 : -1;
  }
  return a.length - b.length;
}

/** True for the hash of a commit, also as `git describe` writes it. */
function isHash(text: string): boolean {
  return /^g?[0-9a-f]{7,40}$/.test(text) && /[a-f]/.test(text) && /\d/.test(text);
}

/** `3.13.0b2` and `1.0a1` of Python, `2.0.0-M1` of Spring. */
function isShortPrerelease(segment: string, isGlued: boolean): boolean {
  return (isGlued && /^[ab]\d+$/.test(segment)) || /^M\d+$/.test(segment);
}
