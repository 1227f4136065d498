import { LadingError } from '../../errors.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import type { RemovalReport } from '../../store/removal.js';
import { removablePlace } from '../removable-place.js';

export interface RemoveNamesOptions extends ConnectionOptions {
  /** Names that stay, in any spelling; default none. */
  keep?: readonly string[] | undefined;
  signal?: AbortSignal | undefined;
  /** Say what would be removed, and change nothing; default false. */
  dryRun?: boolean | undefined;
}

export interface RemoveNamesResult extends RemovalReport {
  location: string;
  dryRun: boolean;
}

/**
 * Removes names from a bucket (`s3://…`) or a layout directory: those that the texts mean (names, ends of names, patterns,
 * selections of tags, digests), without texts the names of all images, and of these those that are not in `keep`. Signatures
 * and others that are attached go with the last name that leads to what they are attached to. Content stays until
 * `prune`. Other programs of lading may write there meanwhile; a name that one moves stays, and is among the `failures`.
 *
 * Rejects with `NOT_FOUND` if a text means nothing; with `USAGE` for other places, if a short name means several images, if
 * neither `images` nor `keep` says what goes, and if nothing of `keep` is there.
 */
export async function removeNames(
  location: string,
  images: readonly string[],
  options: RemoveNamesOptions = {},
): Promise<RemoveNamesResult> {
  const { keep, dryRun = false, signal } = options;
  if (images.length === 0 && keep === undefined)
    throw new LadingError('USAGE', 'nothing says which names are to be removed');
  const place = await removablePlace(location, 'names');
  const choice = { images, keep, dryRun, signal };
  // Few commands need it.
  const { removeFromBucket, removeFromLayout } = await import('./places.js');
  const report = await (place.kind === 'bucket'
    ? removeFromBucket(place.location, choice, options)
    : removeFromLayout(place.directory, choice));
  return { location, dryRun, ...report };
}
