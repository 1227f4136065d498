import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { absentOf, withAbsent, withRepositories } from '../../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import { diskError, syncDirectoryOf } from '../disk.js';
import { createTurns } from '../in-turn.js';
import { withAttachedEntry, withEntry } from '../layout/layout-index.js';
import { blobPath } from '../layout/layout-reader.js';
import type { LiveLayout } from '../layout/live-layout.js';
import { INGEST, writeBlob } from '../layout/make-layout.js';
import { acquireLock } from '../lock.js';
import {
  entriesAt,
  entriesIn,
  type Place,
  repositoriesWith,
  withArrived,
  withHolder,
  withoutHolder,
  withoutKeepers,
  withPlaced,
  withSize,
} from './entries.js';
import { type Links, ManifestGraph } from './manifest-graph.js';
import { Uploads } from './uploads.js';

type Entries = readonly Descriptor[];

/** A manifest that is pushed. */
export interface PushedManifest {
  /** With a note of what is absent on purpose. */
  entry: Descriptor;
  bytes: Buffer;
  links: Links;
  repository: string;
  tags: readonly string[];
  /** What it needs and was found to be there: it has to be still, when the manifest is named. */
  held: readonly Digest[] | undefined;
}

/** How long a deletion waits for the end of a save before it rejects with `LOCKED`. */
const DELETION_LOCK = { waitMs: 5_000, pollMs: 5 };

/**
 * The content of a layout that is written by clients of a registry: it stays so that other tools, which take what
 * `index.json` does not lead to for garbage, find every manifest of it.
 */
export class LayoutContent {
  readonly uploads: Uploads;
  readonly #graph: ManifestGraph;
  readonly #deletions = createTurns<string>();
  /** Manifests that stay for others' sake, and the repositories in which they were deleted. */
  readonly #deleted = new Map<Digest, Set<string>>();

  constructor(readonly layout: LiveLayout) {
    this.uploads = new Uploads(layout.directory);
    this.#graph = new ManifestGraph(layout);
  }

  /** How much is remembered of what is on the disk, by its kind. */
  get remembered(): { manifests: number; uploads: number; deleted: number } {
    return { manifests: this.#graph.size, uploads: this.uploads.size, deleted: this.#deleted.size };
  }

  async has(digest: Digest): Promise<boolean> {
    try {
      await this.layout.resolveBlob(digest);
      return true;
    } catch (error) {
      if (isLadingError(error, 'NOT_FOUND')) return false;
      throw error;
    }
  }

  /** Keeps a manifest and names it. Rejects with `MISSING_CONTENT` when somebody deletes meanwhile what it needs. */
  async put(pushed: PushedManifest): Promise<void> {
    const { entry, bytes } = pushed;
    const parts = pushed.held ?? (await this.#present(pushed.links));
    await this.#write(entry, bytes);
    await this.layout.index.change(async (entries) => {
      // Nobody deletes while the index is locked.
      await this.#write(entry, bytes);
      const lost = await this.#firstMissing(parts);
      if (lost !== undefined) {
        throw new ContentError('MISSING_CONTENT', `${lost} was deleted while ${entry.digest} was pushed`, {
          hint: 'Push the image again.',
        });
      }
      return this.#withPushed(entries, pushed);
    });
    this.#forgetDeleted(entry.digest, pushed.repository);
  }

  /** Whether a manifest that is there was deleted in this repository. */
  isDeleted(digest: Digest, repository: string): boolean {
    return this.#deleted.get(digest)?.has(repository) ?? false;
  }

  /** Takes a name away, the manifest stays. */
  async removeTag(place: Place): Promise<void> {
    await this.layout.index.change((entries) => {
      const gone = entriesAt(entries, place);
      if (gone.length === 0)
        throw new LadingError('NOT_FOUND', `${place.repository} has no tag ${place.tag}`);
      return this.#withKept(
        entries.filter((entry) => !gone.includes(entry)),
        gone,
      );
    });
  }

  /**
   * Takes a manifest's names in a repository away, and its content when nobody else names or needs it.
   * Its children stay, but for those that were to be deleted there before.
   */
  async removeManifest(descriptor: Descriptor, repository: string): Promise<void> {
    await this.#deleting(async () => {
      let garbage: Digest[] = [];
      await this.layout.index.change(
        async (entries) => {
          const rest = withoutHolder(entries, descriptor, repository);
          const orphans = await this.#orphansOf(descriptor, rest, repository);
          const kept = await this.#withKept(
            rest,
            orphans.kept.map((child) => withRepositories(child, [repository])),
          );
          garbage = [];
          for (const { digest } of orphans.garbage)
            if (!(await this.#graph.needs(kept, digest))) garbage.push(digest);
          return kept;
        },
        async () => {
          for (const digest of garbage) await this.#unlink(digest);
          if (!garbage.includes(descriptor.digest)) this.#noteDeleted(descriptor.digest, repository);
        },
      );
    });
  }

  /** Removes content; rejects with `IN_USE` when a manifest needs it, or it is one that has a name. */
  async removeBlob(digest: Digest): Promise<void> {
    await this.#deleting(() =>
      this.layout.index.change(
        async (entries) => {
          if (!(await this.has(digest)))
            throw new LadingError('NOT_FOUND', `${this.layout.location} does not hold ${digest}`);
          if (await this.#graph.needs(entries, digest)) {
            throw new LadingError('IN_USE', `a manifest in ${this.layout.location} needs ${digest}`, {
              hint: 'Delete the manifest first.',
            });
          }
          return entries;
        },
        () => this.#unlink(digest),
      ),
    );
  }

  async #withPushed(entries: Entries, pushed: PushedManifest): Promise<Entries> {
    const { entry, links, repository, tags } = pushed;
    let next = withArrived(withSize(entries, entry), entry.digest);
    const losers: Descriptor[] = [];
    for (const tag of tags) {
      const placed = withPlaced(next, entry, { repository, tag });
      next = placed.entries;
      losers.push(...placed.losers);
    }
    if (tags.length === 0) {
      if (links.subject !== undefined) next = withAttachedEntry(next, entry, links.subject);
      else if (!(await this.#graph.manifestsUnder(next)).has(entry.digest))
        next = withEntry(next, entry, entry.digest);
      next = await this.#withReachedHolder(next, entry, repository);
    }
    return this.#withKept(withoutKeepers(next, links.manifests, repository), losers);
  }

  /**
   * The entries, with unnamed ones for those of the manifests that they do not lead to, and notes of the repositories
   * that these were in.
   */
  async #withKept(entries: Entries, manifests: Entries): Promise<Entries> {
    let kept = entries;
    for (const manifest of manifests) {
      if (!(await this.layout.exists(manifest))) continue;
      if (!(await this.#graph.manifestsUnder(kept)).has(manifest.digest)) {
        const entry = withAbsent(plainDescriptor(manifest), absentOf(manifest));
        const { subject } = await this.#graph.linksOf(manifest);
        kept =
          subject === undefined
            ? withEntry(kept, entry, entry.digest)
            : withAttachedEntry(kept, entry, subject);
      }
      for (const repository of repositoriesWith(manifest))
        kept = await this.#withReachedHolder(kept, manifest, repository);
    }
    return kept;
  }

  /**
   * With a note that a repository holds this manifest, unless its own entries lead to it: what only those of another
   * one lead to would go when that is deleted there.
   */
  async #withReachedHolder(entries: Entries, manifest: Descriptor, repository: string): Promise<Entries> {
    const own = await this.#graph.manifestsUnderSome(entriesIn(entries, repository));
    return own.has(manifest.digest) ? entries : withHolder(entries, manifest, repository);
  }

  /** What goes with a manifest that `rest` does not lead to, and its children, which then stand for themselves. */
  async #orphansOf(
    descriptor: Descriptor,
    rest: Entries,
    repository: string,
  ): Promise<{ garbage: Descriptor[]; kept: Descriptor[] }> {
    const reached = await this.#graph.manifestsUnder(rest);
    if (reached.has(descriptor.digest)) {
      // Others lead to it, and it stays with its children; those stay in this repository too, if it has lost them.
      const own = await this.#graph.manifestsUnderSome(entriesIn(rest, repository));
      const { manifests } = await this.#graph.linksOf(descriptor);
      const isLost = ({ digest }: Descriptor) => !own.has(digest) && !this.isDeleted(digest, repository);
      return { garbage: [], kept: manifests.filter(isLost) };
    }
    const seen = new Set<Digest>();
    const garbage: Descriptor[] = [];
    const kept: Descriptor[] = [];
    const queue = [descriptor];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (seen.has(next.digest)) continue;
      seen.add(next.digest);
      if (next !== descriptor && !this.isDeleted(next.digest, repository)) kept.push(next);
      else if (!reached.has(next.digest)) {
        garbage.push(next);
        queue.push(...(await this.#graph.linksOf(next)).manifests);
      }
    }
    return { garbage, kept };
  }

  /** One after the other, and none while a save runs: it may count on content that it found. */
  #deleting(work: () => Promise<void>): Promise<void> {
    return this.#deletions('', async () => {
      const lock = await acquireLock(join(this.layout.directory, INGEST), DELETION_LOCK);
      try {
        await work();
      } finally {
        await lock.release();
      }
    });
  }

  /** Which of the parts of a manifest are there. */
  async #present({ manifests, blobs }: Links): Promise<Digest[]> {
    const parts = new Set([...manifests.map(({ digest }) => digest), ...blobs]);
    const present: Digest[] = [];
    for (const digest of parts) if (await this.has(digest)) present.push(digest);
    return present;
  }

  async #firstMissing(digests: readonly Digest[]): Promise<Digest | undefined> {
    for (const digest of digests) if (!(await this.has(digest))) return digest;
    return undefined;
  }

  /** Another size: a schema1 manifest may come again with another signature, or what is there was cut short. */
  async #write({ digest, mediaType, size }: Descriptor, bytes: Buffer): Promise<void> {
    if (await this.layout.exists({ mediaType, digest, size })) return;
    await writeBlob(this.layout.directory, digest, bytes);
    await syncDirectoryOf(join(this.layout.directory, blobPath(digest)));
  }

  async #unlink(digest: Digest): Promise<void> {
    const path = join(this.layout.directory, blobPath(digest));
    try {
      await rm(path, { force: true });
    } catch (error) {
      throw diskError(error, path);
    }
    this.#deleted.delete(digest);
  }

  #noteDeleted(digest: Digest, repository: string): void {
    const repositories = this.#deleted.get(digest) ?? new Set<string>();
    this.#deleted.set(digest, repositories.add(repository));
  }

  #forgetDeleted(digest: Digest, repository: string): void {
    const repositories = this.#deleted.get(digest);
    repositories?.delete(repository);
    if (repositories?.size === 0) this.#deleted.delete(digest);
  }
}
