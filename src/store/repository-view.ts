import { repositoriesOf } from '../content/annotations.js';
import type { Descriptor, NamedDescriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { readName } from '../content/names.js';
import { LadingError } from '../errors.js';
import { delegate } from './delegate.js';
import { mayBeManifest } from './image-files.js';
import type { Source } from './store.js';

/** Repository → tag → manifest. */
export type Tags = ReadonlyMap<string, ReadonlyMap<string, Descriptor>>;

/** A tag that stands for two manifests, of which the first is used. */
export interface TagConflict {
  repository: string;
  tag: string;
  first: Descriptor;
  other: Descriptor;
  /** Where the two are, for messages: `in a.tar and b.tar`. */
  between: string;
}

/**
 * Maps the images of a store to repositories and tags. The host of a name is dropped, so that an image keeps its path
 * wherever it is served; of names that differ only by their host, the first is used. A repository may have only
 * digests, if entries say so.
 */
export async function tagsOf(
  store: Pick<Source, 'names'> & { indexEntries?: readonly Descriptor[] | undefined },
  { location, onConflict }: { location?: string; onConflict?: (conflict: TagConflict) => void } = {},
): Promise<Tags> {
  const tags = new Map<string, Map<string, Descriptor>>();
  for (const entry of store.indexEntries ?? [])
    for (const repository of repositoriesOf(entry)) addTag(tags, repository, undefined, entry);
  for await (const { name, descriptor } of store.names()) {
    if (isDigest(name) && repositoriesOf(descriptor).length > 0) continue;
    const { repository, tag: named } = placeOf(name);
    // Only manifests have tags; other named content is available by its digest.
    const tag = mayBeManifest(descriptor) ? named : undefined;
    const first = addTag(tags, repository, tag, descriptor);
    if (tag === undefined || first === undefined || first.digest === descriptor.digest) continue;
    const between = `under two names in ${location}`;
    onConflict?.({ repository, tag, first, other: descriptor, between });
  }
  return tags;
}

/**
 * Adds a tag, or only the repository if `tag` is undefined. If the tag exists already, keeps its manifest and returns
 * it.
 */
export function addTag(
  tags: Map<string, Map<string, Descriptor>>,
  repository: string,
  tag: string | undefined,
  descriptor: Descriptor,
): Descriptor | undefined {
  const ofRepository = tags.get(repository) ?? new Map<string, Descriptor>();
  tags.set(repository, ofRepository);
  if (tag === undefined) return undefined;
  const first = ofRepository.get(tag);
  if (first === undefined) ofRepository.set(tag, descriptor);
  return first;
}

/** The repository in which content without a name, or with an invalid one, is found by its digest. */
export const NAMELESS_REPOSITORY = 'unnamed';

/** Returns where an image of this name is served. */
export function placeOf(name: string): { repository: string; tag: string | undefined } {
  const read = readName(name);
  switch (read.kind) {
    case 'image':
      return { repository: read.reference.repository, tag: read.reference.tag };
    case 'tag':
      return { repository: NAMELESS_REPOSITORY, tag: read.tag };
    case 'digest':
    case 'other':
      return { repository: NAMELESS_REPOSITORY, tag: undefined };
  }
}

/** Tells what belongs to each repository of a store. */
export interface Belonging {
  has(repository: string, digest: Digest): Promise<boolean>;
  hasManifest(repository: string, digest: Digest): Promise<boolean>;
}

/** Returns a repository as a store of its own: references are tags, and only content of the repository is found. */
export function repositoryView(
  store: Source,
  repository: string,
  { tags, contents }: { tags: ReadonlyMap<string, Descriptor>; contents: Belonging },
): Source {
  const notFound = (what: string) => new LadingError('NOT_FOUND', `${repository} has no ${what}`);
  return delegate(store, {
    async resolve(reference, options) {
      const tagged = tags.get(reference);
      if (tagged !== undefined) return tagged;
      if (!isDigest(reference)) throw notFound(`tag ${reference}`);
      if (!(await contents.has(repository, reference))) throw notFound(reference);
      return store.resolve(reference, options);
    },
    async sizeOf(content, options) {
      const isOwn = content.mediaType !== undefined || (await contents.has(repository, content.digest));
      return isOwn ? store.sizeOf(content, options) : undefined;
    },
    async *names(): AsyncIterable<NamedDescriptor> {
      for (const [name, descriptor] of tags) yield { name, descriptor };
    },
    async *referrers(subject, options) {
      for await (const referrer of store.referrers(subject, options))
        if (await contents.hasManifest(repository, referrer.descriptor.digest)) yield referrer;
    },
    close: async () => undefined,
  });
}
