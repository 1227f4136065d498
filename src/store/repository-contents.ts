import { ANNOTATION, absentOf, deletedOf, repositoriesOf } from '../content/annotations.js';
import type { Descriptor } from '../content/descriptor.js';
import { type Digest, isDigest } from '../content/digest.js';
import { RecentlyUsed } from '../content/recently-used.js';
import { isLadingError, type LadingError, RegistryError } from '../errors.js';
import { isRetryable } from '../retry.js';
import { isPart } from './image-files.js';
import { entryName } from './layout/layout-index.js';
import type { ManifestGraph } from './manifest-graph.js';
import { NAMELESS_REPOSITORY, placeOf } from './repository-view.js';
import type { Source } from './store.js';

/** Entries take some 50 bytes each. */
const MOST_REMEMBERED = 2_000_000;

export interface RepositoryContentsOptions {
  /**
   * Maximum number of manifests and blobs that are cached for all repositories together; others are determined again.
   * Default 2,000,000.
   */
  mostRemembered?: number | undefined;
  /** Lists attachments of a manifest that are not among the entries; default: none. */
  referrersOf?: ((subject: Descriptor) => AsyncIterable<Descriptor>) | undefined;
  /** Called with the roots of a search, which reads one manifest after the other: `readAhead`, for stores that are far. */
  prepare?: ((roots: readonly Descriptor[]) => Promise<void>) | undefined;
}

/** What the images of one repository lead to. */
interface Reached {
  manifests: Map<Digest, Descriptor>;
  blobs: Set<Digest>;
  /** The error of a manifest that could not be read, so that it is unknown what it needs. */
  failure: LadingError | undefined;
}

/**
 * Determines which content belongs to which repository, from the entries of an index. An entry belongs to the
 * repositories of its name and of its note, and so does everything that it leads to. An entry with neither belongs to
 * every repository that has its subject, because layouts of other tools say no more about a signature.
 */
export class RepositoryContents {
  readonly #roots = new Map<string, Descriptor[]>();
  /** Entries with neither a name nor a note. */
  readonly #loose: Descriptor[] = [];
  readonly #deleted = new Map<string, Set<string>>();
  /** Results by repository. An image that a thousand repositories name is listed in each of them. */
  readonly #reached: RecentlyUsed<string, Reached>;
  readonly #reaching = new Map<string, Promise<Reached>>();
  #attached: Promise<Map<string, Descriptor[]>> | undefined;

  readonly #referrersOf: NonNullable<RepositoryContentsOptions['referrersOf']> | undefined;
  readonly #prepare: RepositoryContentsOptions['prepare'];

  constructor(
    readonly entries: readonly Descriptor[],
    private readonly graph: ManifestGraph,
    { mostRemembered = MOST_REMEMBERED, referrersOf, prepare }: RepositoryContentsOptions = {},
  ) {
    this.#referrersOf = referrersOf;
    this.#prepare = prepare;
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

  /** True if a manifest or blob is an image of the repository, or is needed by one. */
  async has(repository: string, digest: Digest): Promise<boolean> {
    const { manifests, blobs, failure } = await this.#reachedIn(repository);
    if (blobs.has(digest)) return true;
    if (manifests.has(digest)) return !this.isDeleted(repository, digest);
    if (failure !== undefined) throw failure;
    return false;
  }

  /** True if the images of the repository lead to a manifest, even if it was deleted there by its digest. */
  async leadsTo(repository: string, manifest: Digest): Promise<boolean> {
    return (await this.#reachedIn(repository)).manifests.has(manifest);
  }

  async hasManifest(repository: string, digest: Digest): Promise<boolean> {
    return (await this.leadsTo(repository, digest)) && !this.isDeleted(repository, digest);
  }

  /** True if a manifest that an index of the repository still needs was deleted there. */
  isDeleted(repository: string, digest: Digest): boolean {
    return this.#deleted.get(repository)?.has(digest) ?? false;
  }

  /** Returns the repositories of each entry that has neither a name nor a note. */
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
      // Do not cache a failure: the manifest may be readable later.
      if (reached.failure === undefined) this.#reached.set(repository, reached);
      return reached;
    } finally {
      this.#reaching.delete(repository);
    }
  }

  async #reach(roots: readonly Descriptor[]): Promise<Reached> {
    const reached: Reached = { manifests: new Map(), blobs: new Set(), failure: undefined };
    await this.#prepare?.(roots);
    const attached = await this.#attachedBySubject();
    const all = [...roots];
    for (let root = all.pop(); root !== undefined; root = all.pop()) {
      const added = await this.#reachFrom(root, reached);
      for (const { digest } of added) all.push(...(attached.get(digest) ?? []));
      if (this.#referrersOf !== undefined) all.push(...(await this.#unlisted(added, reached)));
    }
    return reached;
  }

  /** Returns the attachments of manifests that have no entry. */
  async #unlisted(subjects: readonly Descriptor[], reached: Reached): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    try {
      for (const subject of subjects)
        for await (const referrer of this.#referrersOf?.(subject) ?? []) found.push(referrer);
    } catch (error) {
      note(error, reached);
    }
    return found.filter(({ digest }) => !reached.manifests.has(digest));
  }

  /** Adds what one entry leads to, except what it marks as absent on purpose; returns the manifests that are new. */
  async #reachFrom(root: Descriptor, reached: Reached): Promise<Descriptor[]> {
    const absent = new Set(absentOf(root));
    const added: Descriptor[] = [];
    const seen = new Set<Digest>();
    const queue = [root];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const isKnown = reached.manifests.has(next.digest);
      // Another entry of the same manifest may lack other children, so known manifests are skipped only if this entry
      // lacks nothing.
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
        note(error, reached);
      }
    }
    return added;
  }

  /**
   * Returns entries with neither a name nor a note, by their subjects. An annotation with the subject saves reading the
   * manifest.
   */
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

  /** Returns undefined if an unnamed manifest cannot be read; it is then treated as attached to nothing. */
  async #linksOrNone(entry: Descriptor): Promise<{ subject: Digest | undefined } | undefined> {
    try {
      return await this.graph.linksOf(entry);
    } catch (error) {
      if (!isLadingError(error)) throw error;
      return undefined;
    }
  }
}

/** Notes why content could not be read, so that the search goes on without it. */
function note(error: unknown, reached: Reached): void {
  if (!isLadingError(error) || endsSearch(error)) throw error;
  reached.failure ??= error;
}

/** True for the error of a service that cannot be reached: its next answers would fail as well, each after its time. */
export function endsSearch(error: unknown): boolean {
  return error instanceof RegistryError && isRetryable(error);
}

/** Returns the repositories that an entry belongs to: that of its name, and those of its note. */
export function repositoriesWith(entry: Descriptor): string[] {
  const place = placeOfEntry(entry);
  return place === undefined ? repositoriesOf(entry) : [place.repository, ...repositoriesOf(entry)];
}

type NamedPlace = ReturnType<typeof placeOf>;

const places = new WeakMap<Descriptor, NamedPlace | undefined>();

/**
 * Returns where an entry is served by its name, or undefined if it has none. The result is cached, because an index may
 * have ten thousand entries.
 */
export function placeOfEntry(entry: Descriptor): NamedPlace | undefined {
  if (places.has(entry)) return places.get(entry);
  const name = entryName(entry);
  const place = name === undefined ? undefined : placeOf(name);
  places.set(entry, place);
  return place;
}

/** Returns the entries of a store's index; for a store without one, an entry per name. */
export async function entriesOf(store: Pick<Source, 'names'> & Indexed): Promise<readonly Descriptor[]> {
  if (store.indexEntries !== undefined) return store.indexEntries;
  const entries: Descriptor[] = [];
  for await (const { name, descriptor } of store.names())
    entries.push({ ...descriptor, annotations: { ...descriptor.annotations, [ANNOTATION.refName]: name } });
  return entries;
}

/**
 * Lists the attachments of a manifest in the stores without an index, which must be asked because no entries show them.
 */
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
  indexEntries?: readonly Descriptor[] | undefined;
}

function addTo<K>(lists: Map<K, Descriptor[]>, key: K, entry: Descriptor): void;
function addTo<K>(lists: Map<K, string[]>, key: K, entry: string): void;
function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
