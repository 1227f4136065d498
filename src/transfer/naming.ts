import { ContentError, isLadingError, type LadingError, RegistryError } from '../errors.js';
import { isOfDestination } from './at-destination.js';

/**
 * Returns the error with the names of the images that need the content, because a digest alone does not show which of
 * sixty images failed. An error that mentions the image already is returned unchanged, and one of the whole destination.
 */
export function namingImage(error: unknown, names: readonly string[]): unknown {
  const [name] = names;
  if (name === undefined || !isOfContent(error) || isOfDestination(error)) return error;
  if (speaksOf(error.message, name)) return error;
  const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return error.withMessage(`${error.message}; it is needed by ${name}${others}`);
}

/** True if an error is about content; errors of the disk or of a lock are not about an image. */
function isOfContent(error: unknown): error is LadingError {
  return (
    error instanceof ContentError || error instanceof RegistryError || isLadingError(error, 'UNSUPPORTED')
  );
}

/** True if the message contains the name, or the form that registry errors use: `tag "1" of reg.example/app`. */
function speaksOf(message: string, name: string): boolean {
  if (message.includes(name)) return true;
  const [, repository, tag] = /^(.+):([^:/@]+)$/.exec(name) ?? [];
  return repository !== undefined && message.includes(`tag "${tag}" of ${repository}`);
}
