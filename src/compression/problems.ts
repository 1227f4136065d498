import { ContentError } from '../errors.js';

const HINT = 'The content was damaged when it was made or copied; get it again from its source.';

export function endsEarly(name: string, format: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${name} is cut short: its ${format} stream does not end`, {
    cause,
    hint: HINT,
  });
}

export function corrupt(name: string, format: string, problem: string, cause?: unknown): ContentError {
  return new ContentError('INVALID_ARCHIVE', `${name} is not a valid ${format} stream: ${problem}`, {
    cause,
    hint: HINT,
  });
}
