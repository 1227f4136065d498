import { formatReference, parseReference } from '../content/reference.js';
import { ContentError, isLadingError, LadingError, RegistryError } from '../errors.js';
import type { Lock } from '../lock/lock.js';
import { parseImageTexts } from './expand-images.js';
import type { ListedImages, WantedOptions } from './wanted-images.js';

/**
 * Returns the images that the options ask for: by their names, or by the digests of a lock, or by the names of a lock
 * that is updated. Rejects with `USAGE` if there are none, both a list and a lock, or an update without a lock.
 */
export async function listImages(options: WantedOptions): Promise<ListedImages> {
  const { images = [], allTags, lock, updateLock } = options;
  if (lock !== undefined) {
    if (images.length > 0)
      throw new LadingError('USAGE', `${lockName(lock)} says which images are meant: no others can be named`);
    if (updateLock) return { texts: await parseImageTexts(namesIn(lock)), allTags: true };
    const { lockedImages } = await import('./lock/locks.js'); // few saves have a lock
    return { texts: [], ...lockedImages(lock, options), explain: (_, error) => explained(error, lock) };
  }
  if (updateLock)
    throw new LadingError('USAGE', 'there is no lock to update', {
      hint: 'An update asks anew for the names of a lock, which has to be given.',
    });
  if (images.length === 0) throw new LadingError('USAGE', 'no image was given');
  return { texts: await parseImageTexts(images), allTags };
}

/** Returns the options with what the lock says of platforms, indexes and attachments, unless it is updated otherwise. */
export function withSelection<O extends WantedOptions>(options: O): O {
  const { lock, updateLock, platforms, index, referrers, includeForeign } = options;
  if (lock === undefined) return options;
  const { selection } = lock;
  if (!updateLock) requireSelection(options, lock);
  return {
    ...options,
    platforms: platforms ?? selection.platforms,
    index: index ?? selection.index,
    referrers: (referrers ?? true) && selection.referrers,
    includeForeign: includeForeign || selection.includeForeign,
  };
}

/** A lock that has only some platforms does not say what belongs to the others. */
function requireSelection({ platforms = [], index }: WantedOptions, lock: Lock): void {
  const { selection } = lock;
  const other = platforms.find((platform) => selection.platforms?.includes(platform) === false);
  if (other !== undefined)
    throw new LadingError(
      'USAGE',
      `${lockName(lock)} has only ${selection.platforms?.join(', ')}, not ${other}`,
      {
        hint: 'Choose among its platforms, or update it.',
        remedy: 'updateLock',
      },
    );
  if (index !== undefined && selection.index !== undefined && selection.index !== index)
    throw new LadingError(
      'USAGE',
      `${lockName(lock)} was made for indexes that are kept ${selection.index}`,
      {
        hint: 'An update can choose otherwise.',
        remedy: 'updateLock',
      },
    );
}

/** Returns what the list must have said: names, digests that are kept, patterns, and repositories with all tags. */
function namesIn({ images, patterns }: Lock): string[] {
  const named = images.flatMap(({ name, digest, by }) => {
    if (by === 'pattern') return [];
    return by === 'name' ? [name] : [formatReference({ ...parseReference(name), digest })];
  });
  return [...new Set([...named, ...patterns.map(({ text }) => text)])];
}

/** Says which lock names what is not there, or is not what it says. */
function explained(error: unknown, { location = 'the lock' }: Lock): unknown {
  if (!isLadingError(error) || error.message.startsWith(`${location}: `)) return error;
  const located = error.withMessage(`${location}: ${error.message}`);
  // What is not there for a platform says itself for which it is.
  if (error.code !== 'NOT_FOUND' || !(error instanceof RegistryError)) return located;
  return new ContentError('NOT_FOUND', located.message, {
    cause: error,
    hint: 'The registry no longer has what was locked, or not where it is asked.',
    remedy: 'updateLock',
  });
}

function lockName({ location = 'the lock' }: Lock): string {
  return location;
}
