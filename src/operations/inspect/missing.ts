import { absentOf } from '../../content/annotations.js';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { askForNew } from '../../content/verify.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import type { Source } from '../../store/store.js';

/** An image that the archive names but lacks is MISSING_CONTENT, not NOT_FOUND. */
export function missingImage(name: string, { digest }: Descriptor, reason: unknown): unknown {
  if (!isLadingError(reason, 'NOT_FOUND')) return reason;
  return new ContentError('MISSING_CONTENT', `${digest} is missing; ${name} needs it`, {
    cause: reason,
    ...askForNew(name),
  });
}

/** The same for a child that an index names. */
export function missingFrom(parent: Descriptor, child: Descriptor, error: unknown): unknown {
  if (!isLadingError(error, 'NOT_FOUND')) return error;
  return new ContentError('MISSING_CONTENT', `${parent.digest} names ${child.digest}, which is missing`, {
    cause: error,
    hint: 'The image is incomplete: ask for it again where it came from.',
  });
}

/** Returns the error for a place where no image is for the chosen platforms. */
export function noImageFor(platforms: readonly string[], location: string, cause?: unknown): LadingError {
  return new LadingError('NOT_FOUND', `${location} holds no image for ${platforms.join(', ')}`, { cause });
}

/** Returns the children that an entry declares as left out, except those that are present anyway. */
export async function leftOutOf(store: Source, root: Descriptor): Promise<Digest[]> {
  const missing: Digest[] = [];
  for (const digest of absentOf(root))
    if ((await store.sizeOf({ digest })) === undefined) missing.push(digest);
  return missing;
}
