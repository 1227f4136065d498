import { ANNOTATION, absentOf, deletedOf, repositoriesOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { RecentlyUsed } from '../content/recently-used.js';
import { isLadingError, type LadingError } from '../errors.js';
import { isPart } from './image-files.js';
import { entryName } from './layout/layout-index.js';
import type { ManifestGraph } from './manifest-graph.js';
import { NAMELESS_REPOSITORY, placeOf } from './repository-view.js';
import type { Source } from './store.js';

/** Some 50 bytes each. */
const MOST_REMEMBERED = 2_000_000;

export interface RepositoryContentsOptions {
  /** Manifests and blobs that are remembered of all repositories together; more are looked for again. Default 2,000,000. */
  mostRemembered?: number | undefined;
  /** What is attached to a manifest and is none of the entries; default nothing. */
  referrersOf?: ((subject: Descriptor) => AsyncIterable<Descriptor>) | undefined;
}

/** What the images of one repository lead to. */
interface Reached {
  manifests: Map<Digest, Descriptor>;
  blobs: Set<Digest>;
  /** A manifest that could not be read: what it needs is not known. */
  failure: LadingError | undefined;
}

/**
 * Which content belongs to which repository, by the entries of an index: an entry belongs where its name says or a
 * note at it, and all that it leads to belongs there too. An entry with neither belongs to every repository that
 * has its subject, for layouts of other tools say no more about a signature.
 */
export class RepositoryContents {
  readonly #roots = new Map<string, Descriptor[]>();
  /** Entries with neither a name nor a note. */
  readonly #loose: Descriptor[] = [];
  readonly #deleted = new Map<string, Set<string>>();
  /** By repository. Of an image that a thousand repositories name, each has a list of its own. */
  readonly #reached: RecentlyUsed<string, Reached>;
  readonly #reaching = new Map<string, Promise<Reached>>();
  #attached: Promise<Map<string, Descriptor[]>> | undefined;

  readonly #referrersOf: NonNullable<RepositoryContentsOptions['referrersOf']> | undefined;

  constructor(
    readonly entries: readonly Descriptor[],
    private readonly graph: ManifestGraph,
    { mostRemembered = MOST_REMEMBERED, referrersOf }: RepositoryContentsOptions = {},
  ) {
    this.#referrersOf = referrersOf;
    this.#reached = new RecentlyUsed(mostRemembered, ({ manifests, blobs }) => manifests.size + blobs.size);
    for (const entry of entries) {
      const repositories = repositoriesWith(entry);
      for (const repository of repositories) addTo(this.#roots, repository, entry);
      if (repositories.length === 0) this.#loose.push(entry);
      if (repositories.length === 0 && !isPart(entry)) addTo(this.#roots, NAMELESS_REPOSITORY, entry);
      for (const { repository, digest } of deletedOf(entry))
        this.#deleted.set(repository, (this.#deleted.get(repository) ?? new Set()).add(digest));
    }
  }

  /** Whether a manifest or blob is, or is needed by, an image of the repository. */
  async has(repository: string, digest: Digest): Promise<boolean> {
    const { manifests, blobs, failure } = await this.#reachedIn(repository);
    if (blobs.has(digest)) return true;
    if (manifests.has(digest)) return !this.isDeleted(repository, digest);
    if (failure !== undefined) throw failure;
    return false;
  }

  /** Whether the images of the repository lead to a manifest, even if it was deleted there by its digest. */
  async leadsTo(repository: string, manifest: Digest): Promise<boolean> {
    return (await this.#reachedIn(repository)).manifests.has(manifest);
  }

  async hasManifest(repository: string, digest: Digest): Promise<boolean> {
    return (await this.leadsTo(repository, digest)) && !this.isDeleted(repository, digest);
  }

  /** Whether a manifest was deleted in the repository that one of its indexes still needs. */
  isDeleted(repository: string, digest: Digest): boolean {
    return this.#deleted.get(repository)?.has(digest) ?? false;
  }

  /** The repositories of each entry that has neither a name nor a note. */
  async looseRepositories(): Promise<Map<Descriptor, string[]>> {
    const found = new Map<Descriptor, string[]>();
    if (this.#loose.length === 0) return found;
    for (const repository of this.#roots.keys()) {
      const { manifests } = await this.#reachedIn(repository);
      for (const entry of this.#loose) if (manifests.has(entry.digest)) addTo(found, entry, repository);
    }
    return found;
  }

  async #reachedIn(repository: string): Promise<Reached> {
    const known = this.#reached.get(repository);
    if (known !== undefined) return known;
    const underWay = this.#reaching.get(repository);
    if (underWay !== undefined) return underWay;
    const roots = this.#roots.get(repository);
    if (roots === undefined) return { manifests: new Map(), blobs: new Set(), failure: undefined };
    const reaching = this.#reach(roots);
    this.#reaching.set(repository, reaching);
    try {
      const reached = await reaching;
      // What cannot be read now may be readable later.
      if (reached.failure === undefined) this.#reached.set(repository, reached);
      return reached;
    } finally {
      this.#reaching.delete(repository);
    }
  }

  async #reach(roots: readonly Descriptor[]): Promise<Reached> {
    const reached: Reached = { manifests: new Map(), blobs: new Set(), failure: undefined };
    const attached = await this.#attachedBySubject();
    const all = [...roots];
    for (let root = all.pop(); root !== undefined; root = all.pop()) {
      const added = await this.#reachFrom(root, reached);
      for (const { digest } of added) all.push(...(attached.get(digest) ?? []));
      if (this.#referrersOf !== undefined) all.push(...(await this.#unlisted(added, reached)));
    }
    return reached;
  }

  /** What is attached to manifests without having an entry. */
  async #unlisted(subjects: readonly Descriptor[], reached: Reached): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    try {
      for (const subject of subjects)
        for await (const referrer of this.#referrersOf?.(subject) ?? []) found.push(referrer);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      reached.failure ??= error;
    }
    return found.filter(({ digest }) => !reached.manifests.has(digest));
  }

  /** Adds what one entry leads to, without what it says to be absent on purpose; gives the manifests that are new. */
  async #reachFrom(root: Descriptor, reached: Reached): Promise<Descriptor[]> {
    const absent = new Set(absentOf(root));
    const added: Descriptor[] = [];
    const seen = new Set<Digest>();
    const queue = [root];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const isKnown = reached.manifests.has(next.digest);
      // Another entry of the same manifest may lack less: only one that lacks nothing can skip what is known.
      if (seen.has(next.digest) || (isKnown && absent.size === 0 && next !== root)) continue;
      seen.add(next.digest);
      if (!isKnown) {
        reached.manifests.set(next.digest, next);
        added.push(next);
      }
      try {
        const { manifests, blobs } = await this.graph.linksOf(next);
        for (const digest of blobs) if (!absent.has(digest)) reached.blobs.add(digest);
        for (const child of manifests) if (!absent.has(child.digest)) queue.push(child);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        reached.failure ??= error;
      }
    }
    return added;
  }

  /** Loose entries by their subjects. A mark at the entry saves reading its manifest. */
  #attachedBySubject(): Promise<Map<string, Descriptor[]>> {
    this.#attached ??= this.#findAttached();
    return this.#attached;
  }

  async #findAttached(): Promise<Map<string, Descriptor[]>> {
    const attached = new Map<string, Descriptor[]>();
    for (const entry of this.#loose) {
      const marked = entry.annotations?.[ANNOTATION.containerdSubject];
      const subject = isDigest(marked) ? marked : (await this.#linksOrNone(entry))?.subject;
      if (subject !== undefined) addTo(attached, subject, entry);
    }
    return attached;
  }

  /** An unnamed manifest that cannot be read is attached to nothing that is known. */
  async #linksOrNone(entry: Descriptor): Promise<{ subject: Digest | undefined } | undefined> {
    try {
      return await this.graph.linksOf(entry);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      return undefined;
    }
  }
}

/** The repositories that an entry says it is in: that of its name, and those that a note names. */
export function repositoriesWith(entry: Descriptor): string[] {
  const place = placeOfEntry(entry);
  return place === undefined ? repositoriesOf(entry) : [place.repository, ...repositoriesOf(entry)];
}

type NamedPlace = ReturnType<typeof placeOf>;

const places = new WeakMap<Descriptor, NamedPlace | undefined>();

/** Where the name of an entry puts it; undefined when it has no name. Names are parsed once, of ten thousand entries too. */
export function placeOfEntry(entry: Descriptor): NamedPlace | undefined {
  if (places.has(entry)) return places.get(entry);
  const name = entryName(entry);
  const place = name === undefined ? undefined : placeOf(name);
  places.set(entry, place);
  return place;
}

/** The entries of a store's index; of a store without one, an entry for each of its names. */
export async function entriesOf(store: Pick<Source, 'names'> & Indexed): Promise<readonly Descriptor[]> {
  if (store.indexEntries !== undefined) return store.indexEntries;
  const entries: Descriptor[] = [];
  for await (const { name, descriptor } of store.names())
    entries.push({ ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION.refName]: name } });
  return entries;
}

/** What is attached to a manifest in those of the stores that have no index: they alone can tell. */
export async function* referrersWithoutEntry(
  stores: readonly (Pick<Source, 'referrers'> & Indexed)[],
  subject: Descriptor,
): AsyncGenerator<Descriptor> {
  for (const store of stores) {
    if (store.indexEntries !== undefined) continue;
    for await (const { descriptor } of store.referrers(subject)) yield descriptor;
  }
}

interface Indexed {
  indexEntries?: readonly Descriptor[];
}

function addTo<K>(lists: Map<K, Descriptor[]>, key: K, entry: Descriptor): void;
function addTo<K>(lists: Map<K, string[]>, key: K, entry: string): void;
function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
