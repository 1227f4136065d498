import { type Advice, ContentError, type ErrorCode } from '../errors.js';

/** Different tools can read different images from the same files, so no part of them can be trusted. */
export class AmbiguousArchive extends ContentError {}

/** Makes the error for files that are complete, but that different tools can read as different images. */
export function ambiguous(
  location: string,
  problem: string,
  { code = 'INVALID_ARCHIVE', cause }: { code?: ErrorCode; cause?: unknown } = {},
): AmbiguousArchive {
  const advice: Advice = OF_TWO.test(problem)
    ? {
        hint: 'Different tools could load different images from it. If two archives were joined (by tar -A, tar -r or cat), copy the images of both into one archive, one after the other. Otherwise ask where it comes from, and get a new one.',
        remedy: 'copyBoth',
      }
    : {
        hint: 'Different tools could load different images from it. Ask where it comes from, and get a new one.',
      };
  return new AmbiguousArchive(code, `${location} is ambiguous: ${problem}`, { cause, ...advice });
}

/** Matches the problems that are found in two archives that were joined into one. */
const OF_TWO =
  /^it holds (?:manifest\.json|index\.json|repositories) twice|^another entry follows the end of the archive/;
