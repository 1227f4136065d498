import { type Advice, ContentError, type ErrorCode } from '../errors.js';

/** That files can mean different images to different readers: no part of them is to be trusted. */
export class AmbiguousArchive extends ContentError {}

/** The error about files that are whole, and can mean different images to different readers. */
export function ambiguous(
  location: string,
  problem: string,
  { code = 'INVALID_ARCHIVE', cause }: { code?: ErrorCode; cause?: unknown } = {},
): AmbiguousArchive {
  const advice: Advice = OF_TWO.test(problem)
    ? {
        hint: 'Different tools could load different images from it. If two archives were made one (by tar -A, tar -r or cat), copy the images of the one and then of the other into one archive. Else have it made anew, and ask where it comes from.',
        remedy: 'copyBoth',
      }
    : {
        hint: 'Different tools could load different images from it; have it made anew, and ask where it comes from.',
      };
  return new AmbiguousArchive(code, `${location} is ambiguous: ${problem}`, { cause, ...advice });
}

/** What two archives have that were made one. */
const OF_TWO =
  /^it holds (?:manifest\.json|index\.json|repositories) twice|^another entry follows the end of the archive/;
