import { matchesPlatform, normalizePlatform, type Platform } from './platform.js';

/** What `choosePlatform` compares of each image. */
export interface PlatformCandidate {
  platform: Platform | undefined;
  /** Whether a layer is compressed with zstd, which Docker before 23 cannot read. */
  hasZstd?: boolean | undefined;
}

/**
 * Returns the image to use for a platform: of those that match, the one that runs on the most machines, whatever their
 * order. That is the one with the lowest variant (amd64 without a variant is v1, arm v5 comes before v7), then the
 * lowest version of the system, then the fewest required features, then gzip before zstd. Undefined if none matches.
 */
export function choosePlatform<T extends PlatformCandidate>(
  wanted: Platform,
  candidates: readonly T[],
): T | undefined {
  const matching = candidates.filter(({ platform }) => matchesPlatform(wanted, platform));
  return matching.reduce<T | undefined>(
    (best, candidate) => (best !== undefined && compare(best, candidate) <= 0 ? best : candidate),
    undefined,
  );
}

/** Like `choosePlatform`, but if no image matches, it chooses one for the platform of the first that has a platform. */
export function choosePlatformOrFirst<T extends PlatformCandidate>(
  wanted: Platform,
  candidates: readonly T[],
): T | undefined {
  const chosen = choosePlatform(wanted, candidates);
  if (chosen !== undefined) return chosen;
  const first = candidates.find(({ platform }) => platform !== undefined)?.platform;
  if (first === undefined) return candidates[0];
  const { os, architecture } = normalizePlatform(first);
  return choosePlatform({ os, architecture }, candidates) ?? candidates[0];
}

function compare(a: PlatformCandidate, b: PlatformCandidate): number {
  const [left, right] = [demandsOf(a.platform), demandsOf(b.platform)];
  return (
    compareNumbers(left.variant, right.variant) ||
    compareNumbers(left.version, right.version) ||
    left.features - right.features ||
    Number(a.hasZstd === true) - Number(b.hasZstd === true)
  );
}

/** What a platform requires of a machine, as numbers: a higher number runs on fewer machines. */
function demandsOf(platform: Platform = { os: '', architecture: '' }): {
  variant: number[];
  version: number[];
  features: number;
} {
  const {
    variant = '',
    'os.version': version = '',
    'os.features': systemFeatures = [],
    features = [],
  } = normalizePlatform(platform);
  const demanded = systemFeatures.length + features.length;
  return { variant: numbersIn(variant), version: numbersIn(version), features: demanded };
}

/** Returns the numbers in a text: 8 and 1 for `v8.1`; 10, 0 and 20348 for `10.0.20348`. */
function numbersIn(text: string): number[] {
  return (text.match(/[0-9]+/g) ?? []).map(Number);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((number, index) => number !== b[index]);
  if (place < 0) return a.length - b.length;
  return (a[place] ?? 0) - (b[place] ?? -1);
}
