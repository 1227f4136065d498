import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import { isDigest } from '../content/digest.js';
import { parseReference } from '../content/reference.js';
import { isLadingError, LadingError } from '../errors.js';
import type { ReadonlyStore } from './store.js';

/**
 * The repositories of a store that holds images of many: each is a store of its own, whose references are
 * tags. The host of a name is left out, so that an image keeps its path wherever it is served.
 */
export async function repositoriesOf(store: ReadonlyStore): Promise<Map<string, ReadonlyStore>> {
  const tags = new Map<string, Map<string, Descriptor>>();
  for await (const { name, descriptor } of store.references()) {
    const { repository, tag } = placeOf(name);
    const ofRepository = tags.get(repository) ?? new Map<string, Descriptor>();
    tags.set(repository, ofRepository);
    if (tag !== undefined) ofRepository.set(tag, descriptor);
  }
  return new Map(
    [...tags].map(([repository, named]) => [repository, repositoryView(store, repository, named)]),
  );
}

/** Content without a name, or with one that is no image's, is found in a repository of this name by its digest. */
const NAMELESS_REPOSITORY = 'unnamed';

function placeOf(name: string): { repository: string; tag: string | undefined } {
  if (isDigest(name)) return { repository: NAMELESS_REPOSITORY, tag: undefined };
  try {
    const { repository, tag, digest } = parseReference(name);
    // A bare tag, as many tools write it, reads like a repository without one.
    if (tag === undefined && digest === undefined && !name.includes('/'))
      return { repository: NAMELESS_REPOSITORY, tag: name };
    return { repository, tag };
  } catch (error) {
    if (!isLadingError(error, 'INVALID_REFERENCE')) throw error;
    return { repository: NAMELESS_REPOSITORY, tag: undefined };
  }
}

function repositoryView(
  store: ReadonlyStore,
  repository: string,
  tags: ReadonlyMap<string, Descriptor>,
): ReadonlyStore {
  return {
    async resolve(reference, options) {
      const tagged = tags.get(reference);
      if (tagged !== undefined) return tagged;
      if (isDigest(reference)) return store.resolve(reference, options);
      throw new LadingError('NOT_FOUND', `${repository} has no tag ${reference}`);
    },
    resolveBlob: (digest, options) => store.resolveBlob(digest, options),
    exists: (descriptor, options) => store.exists(descriptor, options),
    fetch: (descriptor, options) => store.fetch(descriptor, options),
    async *references(): AsyncIterable<NamedDescriptor> {
      for (const [name, descriptor] of tags) yield { name, descriptor };
    },
    referrers: (subject, options) => store.referrers(subject, options),
    close: async () => undefined,
  };
}
