import { join } from 'node:path';
import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { syncDirectoryOf } from '../../disk/disk.js';
import { acquireLock, type LockOptions } from '../../disk/lock.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import { createTurns } from '../../in-turn.js';
import type { Links } from '../manifest-graph.js';
import type { RepositoryContents } from '../repository-contents.js';
import { EntryChanges, type PushedEntry } from './entry-changes.js';
import type { Place } from './held-entries.js';
import { blobPath } from './layout-reader.js';
import type { LiveLayout } from './live-layout.js';
import { INGEST, writeBlob } from './make-layout.js';
import { RemovedBlobs } from './removed-blobs.js';
import { RepositoryBlobs } from './repository.js';
import { Uploads } from './uploads.js';

type Entries = readonly Descriptor[];

/** A manifest that is pushed. */
export interface PushedManifest extends PushedEntry {
  bytes: Buffer;
  /** Parts of the manifest that were found to be present; they must still be present when the manifest is named. */
  held: readonly Digest[] | undefined;
}

/** How long a deletion waits for a save to finish before it rejects with `LOCKED`. */
const DELETION_LOCK = { waitMs: 5_000, pollMs: 5 };

/**
 * The content of a layout that clients of a registry write. Every manifest stays reachable from `index.json`, because
 * other tools take unreachable content for garbage.
 */
export class LayoutContent {
  readonly uploads: Uploads;
  readonly blobs: RepositoryBlobs;
  readonly #graph: LiveLayout['graph'];
  readonly #changes: EntryChanges;
  readonly #deletions = createTurns<string>();
  readonly #removed: RemovedBlobs;

  constructor(readonly layout: LiveLayout) {
    this.blobs = new RepositoryBlobs(layout.directory);
    this.uploads = new Uploads(layout.directory, this.blobs);
    this.#graph = layout.graph;
    this.#changes = new EntryChanges(layout);
    this.#removed = new RemovedBlobs(layout.directory);
  }

  /** Number of entries in the caches, by kind. */
  get remembered(): { manifests: number; uploads: number } {
    return { manifests: this.#graph.size, uploads: this.uploads.size };
  }

  /** True if the layout has this content, in any repository. */
  async has(digest: Digest): Promise<boolean> {
    return (await this.layout.sizeOf({ digest })) !== undefined;
  }

  /** Stores a manifest and names it. Rejects with `MISSING_CONTENT` if something that it needs is deleted meanwhile. */
  async put(pushed: PushedManifest): Promise<void> {
    const { entry, bytes } = pushed;
    const parts = pushed.held ?? (await this.#present(pushed.links));
    await this.#write(entry, bytes);
    await this.layout.index.change(async (entries) => {
      // Nothing is deleted while the index is locked.
      await this.#write(entry, bytes);
      const lost = await this.#firstMissing(parts);
      if (lost !== undefined) {
        throw new ContentError('MISSING_CONTENT', `${lost} was deleted while ${entry.digest} was pushed`, {
          hint: 'Push the image again.',
        });
      }
      return this.#changes.withPushed(entries, pushed);
    });
  }

  /** True if a repository has this content: its images lead to it, or it was pushed or mounted there. */
  async belongs(
    digest: Digest,
    repository: string,
    contents: RepositoryContents | Promise<RepositoryContents> = this.layout.contents(),
  ): Promise<boolean> {
    if (await (await contents).has(repository, digest)) return true;
    return this.blobs.has(repository, digest);
  }

  /** Adds existing content to the blobs of a repository; resolves with false if the content is gone. */
  async mount(digest: Digest, repository: string): Promise<boolean> {
    const settle = await this.blobs.add(repository, digest);
    // Check after adding: a deletion checks for repositories that have the blob after setting it aside, so one of the
    // two notices the other.
    if (await this.has(digest)) {
      await settle();
      return true;
    }
    await this.blobs.remove(repository, digest);
    return false;
  }

  /** Removes a tag; the manifest stays. */
  async removeTag(place: Place): Promise<void> {
    await this.layout.index.change((entries) => this.#changes.withoutTag(entries, place));
    await this.layout.refresh(); // so that the next request does not see the old state
  }

  /**
   * Removes a manifest's names in a repository, and its content if nothing else names or needs it. Its blobs and its
   * children stay, except children that were deleted there before.
   */
  async removeManifest(descriptor: Descriptor, repository: string): Promise<void> {
    await this.#deleting(async () => {
      let garbage: Digest[] = [];
      let after: Entries = [];
      await this.layout.index.change(
        async (entries) => {
          await this.#keepBlobs(descriptor, repository, entries);
          const next = await this.#changes.withoutManifest(entries, descriptor, repository);
          [after, garbage] = [next.entries, next.garbage];
          return after;
        },
        async () => {
          for (const digest of garbage) await this.#remove(digest, after);
        },
      );
    });
    await this.layout.refresh();
  }

  /**
   * Removes a blob from a repository, and from the disk if no other repository has it. Rejects with `IN_USE` if it is a
   * manifest, or a manifest of the repository needs it.
   */
  async removeBlob(digest: Digest, repository: string): Promise<void> {
    await this.#deleting(async () => {
      let entries: Entries = [];
      await this.layout.index.change(
        async (before) => {
          entries = before;
          if (await this.layout.contentsWith(entries).has(repository, digest)) {
            throw new LadingError('IN_USE', `a manifest in ${repository} needs ${digest}`, {
              hint: 'Delete the manifest first.',
            });
          }
          if (!(await this.blobs.has(repository, digest)) || !(await this.has(digest)))
            throw new LadingError('NOT_FOUND', `${repository} does not hold ${digest}`);
          return entries;
        },
        async () => {
          await this.#remove(digest, entries, repository);
          await this.blobs.remove(repository, digest);
        },
      );
    });
  }

  /**
   * Removes leftovers, for example of a killed process: notes of blobs that manifests of the repository need by now,
   * and content that was being removed.
   */
  async tidy(): Promise<void> {
    await this.#deletingIfFree(() =>
      this.layout.index.change(
        async (entries) => entries,
        async () => {
          const entries = this.layout.index.lastRead ?? [];
          await this.#removed.settleAll((digest) => this.#isHeld(digest, entries));
          const contents = this.layout.contentsWith(entries);
          for (const repository of await this.blobs.repositories())
            for (const digest of await this.blobs.blobsOf(repository))
              if (await contents.has(repository, digest)) await this.blobs.remove(repository, digest);
        },
      ),
    );
  }

  /** Keeps the blobs of a manifest in the repository when the manifest is deleted. */
  async #keepBlobs(manifest: Descriptor, repository: string, entries: Entries): Promise<void> {
    const contents = this.layout.contentsWith(entries);
    const settling: Promise<void>[] = [];
    for (const each of (await this.#graph.manifestsUnderSome([manifest])).values()) {
      for (const digest of (await this.#graph.linksOf(each)).blobs) {
        if (!(await contents.has(repository, digest)) || !(await this.has(digest))) continue;
        settling.push((await this.blobs.add(repository, digest))());
      }
    }
    await Promise.all(settling);
  }

  /** Runs deletions one after the other, and never during a save, which may rely on content that it found. */
  #deleting(work: () => Promise<void>, wait: LockOptions = DELETION_LOCK): Promise<void> {
    return this.#deletions('', async () => {
      const lock = await acquireLock(join(this.layout.directory, INGEST), wait);
      try {
        await work();
      } finally {
        await lock.release();
      }
    });
  }

  /** Runs `work` unless a save is running. */
  async #deletingIfFree(work: () => Promise<void>): Promise<void> {
    try {
      await this.#deleting(work, { waitMs: 0 });
    } catch (error) {
      if (!isLadingError(error, 'LOCKED')) throw error;
    }
  }

  /** Returns the parts of a manifest that are present. */
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

  /**
   * Writes a manifest unless it is there with the same size: schema1 may come again with another signature, or the file
   * may be truncated.
   */
  async #write({ digest, size }: Descriptor, bytes: Buffer): Promise<void> {
    if ((await this.layout.sizeOf({ digest })) === size) return;
    await writeBlob(this.layout.directory, digest, bytes);
    await syncDirectoryOf(join(this.layout.directory, blobPath(digest)));
  }

  /** Removes content unless something else than the repository in which it is deleted needs or has it. */
  #remove(digest: Digest, entries: Entries, repository?: string): Promise<void> {
    return this.#removed.remove(digest, () => this.#isHeld(digest, entries, repository));
  }

  async #isHeld(digest: Digest, entries: Entries, except?: string): Promise<boolean> {
    if (await this.#graph.needs(entries, digest)) return true;
    return (await this.blobs.holders(digest)).some((repository) => repository !== except);
  }
}
