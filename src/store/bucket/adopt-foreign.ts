import type { Descriptor } from '../../content/descriptor.js';
import { isManifest } from '../../content/media-types.js';
import { ContentError, isLadingError } from '../../errors.js';
import { readVerified } from '../read-content.js';
import { has, type Store } from '../store.js';
import type { BucketSource } from './bucket-source.js';
import { adoptedName } from './entry.js';

type Adopting = BucketSource & Required<Pick<Store, 'link'>>;

/**
 * Gives the images of another tool's layout their names as objects, before the first other name hides them. Until all have
 * theirs, an object says so, and `index.json` counts, too: a program that is killed meanwhile hides nothing, and the next
 * one goes on. Resolves with true if there were some.
 */
export async function adoptForeign(store: Adopting, hasConditions: boolean): Promise<boolean> {
  const foreign = await store.foreign();
  if (foreign === undefined) return false;
  const { bucketNames } = store;
  const isNamed = foreign.indexEntries.some((entry) => adoptedName(entry) !== undefined);
  const { adoptions, isOver } = isNamed
    ? await bucketNames.beginAdopting()
    : { adoptions: [], isOver: false };
  const given = new Set((await bucketNames.listed()).map(({ key }) => key));
  // Names that are removed from now on must not come back.
  for (const entry of isOver ? [] : foreign.indexEntries) {
    const name = adoptedName(entry);
    if (isManifest(entry.mediaType) && (await has(store, entry))) await adoptAttached(store, entry);
    if (name === undefined || given.has(store.keys.name(name))) continue;
    await bucketNames.add(entry, name, { hasConditions });
  }
  if (isNamed) await bucketNames.endAdopting(adoptions);
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
