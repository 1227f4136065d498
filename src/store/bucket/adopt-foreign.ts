import type { Descriptor } from '../../content/descriptor.js';
import { isManifest } from '../../content/media-types.js';
import { ContentError, isLadingError } from '../../errors.js';
import { isPart } from '../image-files.js';
import { entryName } from '../layout/layout-index.js';
import { readVerified } from '../read-content.js';
import { has, type Store } from '../store.js';
import type { BucketSource } from './bucket-source.js';

type Adopting = BucketSource & Required<Pick<Store, 'link'>>;

/**
 * Gives the images of another tool's layout their names as objects, before the first other name hides them. Resolves with
 * true if there were some.
 */
export async function adoptForeign(store: Adopting, hasConditions: boolean): Promise<boolean> {
  const foreign = await store.foreign();
  if (foreign === undefined) return false;
  let isNamed = false;
  for (const entry of foreign.indexEntries) {
    const name = entryName(entry) ?? (isPart(entry) ? undefined : entry.digest);
    if (isManifest(entry.mediaType) && (await has(store, entry))) await adoptAttached(store, entry);
    if (name === undefined) continue;
    await store.bucketNames.add(entry, name, { hasConditions });
    isNamed = true;
  }
  return isNamed;
}

async function adoptAttached(store: Adopting, entry: Descriptor): Promise<void> {
  try {
    const bytes = await readVerified(entry, (options) => store.fetch(entry, options));
    await store.link(entry, bytes);
  } catch (error) {
    // The reader of a damaged manifest gets the error; here it is only left as it is.
    if (!(error instanceof ContentError) && !isLadingError(error, 'NOT_FOUND')) throw error;
  }
}
