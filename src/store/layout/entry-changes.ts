import { absentOf, deletedOf, withAbsent, withRepositories } from '../../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { LadingError } from '../../errors.js';
import type { Links } from '../manifest-graph.js';
import { repositoriesWith } from '../repository-contents.js';
import { has } from '../store.js';
import {
  entriesAt,
  entriesIn,
  type Place,
  withArrived,
  withDeletedUnder,
  withHolder,
  withoutHolder,
  withoutKeepers,
  withPlaced,
  withSize,
} from './held-entries.js';
import { withAttachedEntry, withEntry } from './layout-index.js';
import type { LiveLayout } from './live-layout.js';

type Entries = readonly Descriptor[];

/** What the index needs to know about a pushed manifest. */
export interface PushedEntry {
  /** Includes a note of children that are absent on purpose. */
  entry: Descriptor;
  links: Links;
  repository: string;
  tags: readonly string[];
}

/**
 * Computes the entries of a layout after a push or a deletion. Every manifest stays reachable from the entries, because
 * other tools take unreachable content for garbage.
 */
export class EntryChanges {
  readonly #layout: Pick<LiveLayout, 'sizeOf' | 'graph' | 'contentsWith'>;

  constructor(layout: Pick<LiveLayout, 'sizeOf' | 'graph' | 'contentsWith'>) {
    this.#layout = layout;
  }

  async withPushed(entries: Entries, pushed: PushedEntry): Promise<Entries> {
    const { entry, links, repository, tags } = pushed;
    const before = await this.#withEveryHolder(entries);
    let next = withArrived(withSize(before, entry), entry.digest, repository);
    const losers: Descriptor[] = [];
    for (const tag of tags) {
      const placed = withPlaced(next, entry, { repository, tag });
      next = placed.entries;
      losers.push(...placed.losers);
    }
    if (tags.length === 0) {
      if (links.subject !== undefined) next = withAttachedEntry(next, entry, links.subject);
      else if (!(await this.#layout.graph.manifestsUnder(next)).has(entry.digest))
        next = withEntry(next, entry, entry.digest);
      next = await this.#withReachedHolder(next, entry, repository);
    }
    return this.#withKept(withoutKeepers(next, links.manifests, repository), losers);
  }

  /** Removes a tag; its manifest stays. Rejects with `NOT_FOUND`. */
  async withoutTag(before: Entries, place: Place): Promise<Entries> {
    const entries = await this.#withEveryHolder(before);
    const gone = entriesAt(entries, place);
    if (gone.length === 0) throw new LadingError('NOT_FOUND', `${place.repository} has no tag ${place.tag}`);
    return this.#withKept(
      entries.filter((entry) => !gone.includes(entry)),
      gone,
    );
  }

  /**
   * Removes a manifest's names in a repository, and the manifests that nothing names or needs afterwards. Its children
   * stay, except those that were deleted there before.
   */
  async withoutManifest(
    before: Entries,
    manifest: Descriptor,
    repository: string,
  ): Promise<{ entries: Entries; garbage: Digest[] }> {
    const entries = await this.#withEveryHolder(before);
    const rest = withoutHolder(entries, manifest, repository);
    const orphans = await this.#orphansOf(manifest, { entries, rest, repository });
    const kept = await this.#withKept(
      rest,
      orphans.kept.map((child) => withRepositories(child, [repository])),
    );
    const garbage: Digest[] = [];
    for (const { digest } of orphans.garbage)
      if (!(await this.#layout.graph.needs(kept, digest))) garbage.push(digest);
    return { entries: await this.#withNoteOfDeletion(kept, manifest.digest, repository), garbage };
  }

  /**
   * Adds unnamed entries for those manifests that the entries do not lead to, with notes of the repositories that they
   * were in.
   */
  async #withKept(entries: Entries, manifests: Entries): Promise<Entries> {
    let kept = entries;
    for (const manifest of manifests) {
      if (!(await has(this.#layout, manifest))) continue;
      if (!(await this.#layout.graph.manifestsUnder(kept)).has(manifest.digest)) {
        const entry = withAbsent(plainDescriptor(manifest), absentOf(manifest));
        const { subject } = await this.#layout.graph.linksOf(manifest);
        kept =
          subject === undefined
            ? withEntry(kept, entry, entry.digest)
            : withAttachedEntry(kept, entry, subject);
      }
      for (const repository of repositoriesWith(manifest))
        kept = await this.#withReachedHolder(kept, manifest, repository);
      kept = withDeletedUnder(kept, manifest.digest, deletedOf(manifest));
    }
    return kept;
  }

  /**
   * Adds a note that a repository has this manifest, unless the repository's own entries lead to it. Otherwise the
   * manifest would go when another repository, whose entries lead to it, deletes it.
   */
  async #withReachedHolder(entries: Entries, manifest: Descriptor, repository: string): Promise<Entries> {
    // An entry without a name or a note would follow its subject into other repositories.
    const isLoose = ({ digest }: Descriptor) => digest === manifest.digest;
    const hasLoose = entries.some((entry) => isLoose(entry) && repositoriesWith(entry).length === 0);
    if (!hasLoose && (await this.#layout.contentsWith(entries).hasManifest(repository, manifest.digest)))
      return entries;
    return withHolder(entries, manifest, repository);
  }

  /**
   * Adds notes to entries that have neither a name nor a note, as other tools write them for attachments: each stays in
   * the repositories that have its subject now, whichever get the subject later.
   */
  async #withEveryHolder(entries: Entries): Promise<Entries> {
    const loose = await this.#layout.contentsWith(entries).looseRepositories();
    if (loose.size === 0) return entries;
    return entries.map((entry) => {
      const repositories = loose.get(entry);
      return repositories === undefined ? entry : withRepositories(entry, repositories);
    });
  }

  /** Adds a note to the repository's entries that still lead to a manifest which was deleted there. */
  async #withNoteOfDeletion(entries: Entries, digest: Digest, repository: string): Promise<Entries> {
    const holders: Descriptor[] = [];
    for (const entry of entriesIn(entries, repository))
      if ((await this.#layout.graph.manifestsUnderSome([entry])).has(digest)) holders.push(entry);
    return holders.reduce<Entries>(
      (next, holder) => withDeletedUnder(next, holder.digest, [{ repository, digest }]),
      entries,
    );
  }

  /**
   * Returns what is deleted together with a manifest that `rest` does not lead to, and its children that get entries of
   * their own.
   */
  async #orphansOf(
    descriptor: Descriptor,
    { entries, rest, repository }: { entries: Entries; rest: Entries; repository: string },
  ): Promise<{ garbage: Descriptor[]; kept: Descriptor[] }> {
    const [before, after] = [this.#layout.contentsWith(entries), this.#layout.contentsWith(rest)];
    const reached = await this.#layout.graph.manifestsUnder(rest);
    if (reached.has(descriptor.digest)) {
      // Other entries lead to it, so it and its children stay; children that this repository would lose are kept in it.
      const kept: Descriptor[] = [];
      for (const child of (await this.#layout.graph.linksOf(descriptor)).manifests) {
        const isLost = !(await after.leadsTo(repository, child.digest));
        if (isLost && (await before.hasManifest(repository, child.digest))) kept.push(child);
      }
      return { garbage: [], kept };
    }
    const seen = new Set<Digest>();
    const garbage: Descriptor[] = [];
    const kept: Descriptor[] = [];
    const queue = [descriptor];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next.digest)) continue;
      seen.add(next.digest);
      if (next !== descriptor && !before.isDeleted(repository, next.digest)) kept.push(next);
      else if (!reached.has(next.digest)) {
        garbage.push(next);
        queue.push(...(await this.#layout.graph.linksOf(next)).manifests);
      }
    }
    return { garbage, kept };
  }
}
