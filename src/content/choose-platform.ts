import { matchesPlatform, normalizePlatform, type Platform } from './platform.js';

/** What is known of an image when one of several is chosen. */
export interface PlatformCandidate {
  platform: Platform | undefined;
  /** Whether a layer is compressed with zstd, which Docker before 23 does not read. */
  hasZstd?: boolean | undefined;
}

/**
 * Chooses the image that stands for a platform: among those that match, the one that runs on most machines, whatever the
 * order they are listed in. That is the lowest variant (amd64 without one is v1, arm v5 comes before v7), then the
 * lowest version of the system, the one that asks for the fewest features, and gzip before zstd. Undefined where none
 * matches.
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

/** As `choosePlatform`; where none matches, the one that stands for the platform of the first. */
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

/** What a machine must have, in numbers that grow with it. */
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

/** `v8.1` → 8, 1; `10.0.20348` → 10, 0, 20348. Nothing asks for nothing. */
function numbersIn(text: string): number[] {
  return (text.match(/[0-9]+/g) ?? []).map(Number);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((number, index) => number !== b[index]);
  if (place < 0) return a.length - b.length;
  return (a[place] ?? 0) - (b[place] ?? -1);
}
