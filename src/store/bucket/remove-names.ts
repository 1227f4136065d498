import type { Descriptor } from '../../content/descriptor.js';
import { delegate } from '../delegate.js';
import {
  type GoingEntry,
  goingEntries,
  nameOf,
  type RemovalChoice,
  type RemovalReport,
  removalReport,
} from '../removal.js';
import type { BucketStore } from './bucket-store.js';
import type { BucketName } from './entry.js';

/** Names that are removed at a time. */
const REMOVED_AT_ONCE = 16;

/**
 * Removes names from a bucket, beside any number of writers: each if it still stands for what it did when it was chosen.
 * `index.json`, if there is one, is written first: without objects of names it would be taken for another tool's layout.
 * A name whose object is damaged is removed by what its key says.
 */
export async function removeBucketNames(
  store: BucketStore,
  { dryRun = false, ...choice }: RemovalChoice & { dryRun?: boolean | undefined },
): Promise<RemovalReport> {
  const { signal } = choice;
  await store.requireLayout();
  if (dryRun) {
    const foreign = await store.foreign(signal);
    if (foreign !== undefined) {
      const entries = foreign.indexEntries;
      return removalReport(entries, await goingEntries(store, entries, choice));
    }
    const names = await store.bucketNames.allAsTheyAre(signal);
    const entries = names.map(({ entry }) => entry);
    return reportOf(names, await goingEntries(seenBy(store, entries), entries, choice));
  }
  const { hasConditions } = await store.adopt();
  const names = await store.bucketNames.allAsTheyAre(signal);
  const entries = names.map(({ entry }) => entry);
  const going = await goingEntries(seenBy(store, entries), entries, choice);
  if (going.length === 0) return reportOf(names, []);
  const isGoing = new Set(going.map(({ entry }) => nameOf(entry)));
  const hasIndex = await store.hasIndex();
  if (hasIndex) await store.writeIndex((entry) => isGoing.has(nameOf(entry)));
  const moved = new Set<BucketName>();
  const doomed = names.filter(({ entry }) => isGoing.has(nameOf(entry)));
  for (let start = 0; start < doomed.length; start += REMOVED_AT_ONCE) {
    signal?.throwIfAborted();
    await Promise.all(
      doomed.slice(start, start + REMOVED_AT_ONCE).map(async (name) => {
        if (!(await store.bucketNames.remove(name, { hasConditions, signal }))) moved.add(name);
      }),
    );
  }
  if (hasIndex && moved.size > 0) await store.writeIndex();
  const isMoved = new Set([...moved].map(({ entry }) => entry));
  return reportOf(
    names,
    going.filter(({ entry }: GoingEntry) => !isMoved.has(entry)),
    [...isMoved].map((entry) => ({ name: nameOf(entry), problem: 'another program has moved it meanwhile' })),
  );
}

/** The store, which finds images among these entries. */
function seenBy(store: BucketStore, entries: readonly Descriptor[]): BucketStore {
  const images = store.imagesOf(entries);
  return delegate(store, {
    names: () => images.names(),
    resolve: (reference) => images.resolve(reference),
  });
}

/** Returns the report on names that went. Of those whose object was damaged, it is unknown what they stood for. */
function reportOf(
  names: readonly BucketName[],
  going: readonly GoingEntry[],
  failures?: RemovalReport['failures'],
): RemovalReport {
  const damaged = new Set(names.flatMap(({ entry, damage }) => (damage === undefined ? [] : [entry.digest])));
  const entries = names.map(({ entry }) => entry);
  const { removed, ...rest } = removalReport(entries, going, failures);
  return {
    ...rest,
    removed: removed.map(({ digest, ...one }) =>
      digest === undefined || damaged.has(digest) ? one : { digest, ...one },
    ),
  };
}
