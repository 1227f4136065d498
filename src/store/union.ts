import type { Descriptor } from '../content/descriptor.js';
import type { Digest } from '../content/digest.js';
import { isLadingError, LadingError } from '../errors.js';
import { ImageFiles } from './image-files.js';
import { ManifestGraph } from './manifest-graph.js';
import { readAhead } from './read-ahead.js';
import { entriesOf, RepositoryContents, referrersWithoutEntry } from './repository-contents.js';
import { addTag, repositoryView, type TagConflict, type Tags } from './repository-view.js';
import type { Referrer, Source } from './store.js';

/** A store whose images are served as repositories. */
export interface Served {
  /** Name of the place for messages about conflicts. */
  location: string;
  store: Source;
  /** Returns the current tags; the same map as long as nothing changes. */
  tags(): Promise<Tags>;
}

export interface MergedRepositories {
  openRepository(name: string): Promise<Source | undefined>;
  listRepositories(): Promise<string[]>;
}

/**
 * Merges several stores into one registry. If several have the same tag, the first is used, and `onConflict` is called
 * once per conflict if they mean different images. What belongs to a repository is found in any store that has it.
 */
export function mergeRepositories(
  served: readonly Served[],
  onConflict?: (conflict: TagConflict) => void,
): MergedRepositories {
  const stores = served.map(({ store }) => store);
  const union = unionOf(stores);
  const referrersOf = (subject: Descriptor) => referrersWithoutEntry(stores, subject);
  const graph = union instanceof ImageFiles ? union.graph : new ManifestGraph(union);
  const prepare = union.isLocal
    ? undefined
    : (roots: readonly Descriptor[]) => readAhead(roots, graph, referrersOf);
  const reported = new Set<string>();
  let merged: { of: Tags[]; tags: Tags; contents: RepositoryContents } | undefined;

  const report = (conflict: TagConflict): void => {
    const { repository, tag, first, other } = conflict;
    const key = [repository, tag, first.digest, other.digest].join();
    if (!reported.has(key)) onConflict?.(conflict);
    reported.add(key);
  };
  const mergedNow = async (): Promise<NonNullable<typeof merged>> => {
    const now = await Promise.all(served.map(({ tags }) => tags()));
    if (merged !== undefined && !now.some((tags, place) => tags !== merged?.of[place])) return merged;
    const entries = await Promise.all(stores.map((store) => entriesOf(store)));
    const contents = new RepositoryContents(entries.flat(), graph, {
      referrersOf,
      prepare,
    });
    merged = { of: now, tags: mergeTags(served, now, report), contents };
    return merged;
  };

  return {
    async openRepository(name) {
      const { tags: all, contents } = await mergedNow();
      const tags = all.get(name);
      return tags && repositoryView(union, name, { tags, contents });
    },
    listRepositories: async () => [...(await mergedNow()).tags.keys()],
  };
}

function mergeTags(
  served: readonly Served[],
  all: readonly Tags[],
  onConflict: (conflict: TagConflict) => void,
): Tags {
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return only;
  const merged = new Map<string, Map<string, Descriptor>>();
  const whereIs = (repository: string, tag: string): string | undefined =>
    served[all.findIndex((tags) => tags.get(repository)?.has(tag))]?.location;
  for (const [place, tags] of all.entries()) {
    for (const [repository, ofRepository] of tags) {
      if (!merged.has(repository)) merged.set(repository, new Map());
      for (const [tag, other] of ofRepository) {
        const first = addTag(merged, repository, tag, other);
        if (first === undefined || first.digest === other.digest) continue;
        const between = `in ${whereIs(repository, tag)} and ${served[place]?.location}`;
        onConflict({ repository, tag, first, other, between });
      }
    }
  }
  return merged;
}

/** Returns the content of all stores as one; a name refers to the first store that has it. */
function unionOf(stores: readonly Source[]): Source {
  const [only, ...others] = stores;
  if (only !== undefined && others.length === 0) return only;

  /**
   * Returns the result of the first store that does not reject. If all reject, an error other than `NOT_FOUND` is
   * preferred.
   */
  const firstOf = async <T>(what: string, ask: (store: Source) => Promise<T>): Promise<T> => {
    let failure: unknown;
    for (const store of stores) {
      try {
        return await ask(store);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        if (failure === undefined || isLadingError(failure, 'NOT_FOUND')) failure = error;
      }
    }
    throw failure ?? new LadingError('NOT_FOUND', `${what} is not there`);
  };

  return {
    location: stores.map(({ location }) => location).join(', '),
    isLocal: stores.every(({ isLocal }) => isLocal),
    resolve: (reference, options) => firstOf(reference, (store) => store.resolve(reference, options)),
    fetch: (descriptor, options) => firstOf(descriptor.digest, (store) => store.fetch(descriptor, options)),
    async sizeOf(content, options) {
      let failure: LadingError | undefined;
      let other: number | undefined;
      for (const store of stores) {
        try {
          const size = await store.sizeOf(content, options);
          if (size === undefined) continue;
          if (content.size === undefined || size === content.size) return size;
          other ??= size;
        } catch (error) {
          if (!isLadingError(error)) throw error;
          failure ??= error;
        }
      }
      if (failure !== undefined) throw failure;
      return other;
    },
    async *names(options) {
      for (const store of stores) yield* store.names(options);
    },
    async *referrers(subject, options): AsyncIterable<Referrer> {
      const seen = new Set<Digest>();
      for (const store of stores) {
        for await (const referrer of store.referrers(subject, options)) {
          if (seen.has(referrer.descriptor.digest)) continue;
          seen.add(referrer.descriptor.digest);
          yield referrer;
        }
      }
    },
    async region(descriptor) {
      for (const store of stores) {
        const region = await store.region?.(descriptor);
        if (region !== undefined) return region;
      }
      return undefined;
    },
    async close() {
      for (const store of stores) await store.close();
    },
  };
}
