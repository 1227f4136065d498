import { ContentError, isLadingError, type LadingError, RegistryError } from '../errors.js';

/**
 * The same error, which says for which images the content was needed: of sixty images, a digest alone does not tell
 * which one failed. What names the image already stays as it is.
 */
export function namingImage(error: unknown, names: readonly string[]): unknown {
  const [name] = names;
  if (name === undefined || !isOfContent(error)) return error;
  if (speaksOf(error.message, name)) return error;
  const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
  return error.withMessage(`${error.message}; it is needed by ${name}${others}`);
}

/** Errors of the disk or of a lock are about no image. */
function isOfContent(error: unknown): error is LadingError {
  return (
    error instanceof ContentError || error instanceof RegistryError || isLadingError(error, 'UNSUPPORTED')
  );
}

/** By its name, or as registries' errors have it: `tag "1" of reg.example/app`. */
function speaksOf(message: string, name: string): boolean {
  if (message.includes(name)) return true;
  const [, repository, tag] = /^(.+):([^:/@]+)$/.exec(name) ?? [];
  return repository !== undefined && message.includes(`tag "${tag}" of ${repository}`);
}
