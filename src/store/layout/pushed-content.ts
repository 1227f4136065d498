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

  /** How much is remembered of what is on the disk, by its kind. */
  get remembered(): { manifests: number; uploads: number } {
    return { manifests: this.#graph.size, uploads: this.uploads.size };
  }

  /** Whether the layout has this content, in whichever repository. */
  async has(digest: Digest): Promise<boolean> {
    return (await this.layout.sizeOf({ digest })) !== undefined;
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
      return this.#changes.withPushed(entries, pushed);
    });
  }

  /** Whether a repository has this content: its images lead to it, or it was pushed or mounted there. */
  async belongs(
    digest: Digest,
    repository: string,
    contents: RepositoryContents | Promise<RepositoryContents> = this.layout.contents(),
  ): Promise<boolean> {
    if (await (await contents).has(repository, digest)) return true;
    return this.blobs.has(repository, digest);
  }

  /** Makes content that is there one of the repository's blobs; false when it is gone. */
  async mount(digest: Digest, repository: string): Promise<boolean> {
    const settle = await this.blobs.add(repository, digest);
    // Looked for afterwards: whoever removes it looks for repositories that have it afterwards too.
    if (await this.has(digest)) {
      await settle();
      return true;
    }
    await this.blobs.remove(repository, digest);
    return false;
  }

  /** Takes a name away, the manifest stays. */
  async removeTag(place: Place): Promise<void> {
    await this.layout.index.change((entries) => this.#changes.withoutTag(entries, place));
    await this.layout.refresh(); // whoever asks next does not find the repository that was
  }

  /**
   * Takes a manifest's names in a repository away, and its content when nobody else names or needs it. Its children
   * stay, but for those that were to be deleted there before, and so do its blobs.
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
   * Takes a blob from a repository, and from the disk when no other one has it. Rejects with `IN_USE` when a manifest
   * of the repository needs it, or it is one.
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
   * Takes away what is said twice, or what a process left that was killed: blobs of a repository that its manifests
   * need by now, and content that was about to be removed.
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

  /** What the repository has of the blobs of a manifest stays there when the manifest goes. */
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

  /** One after the other, and none while a save runs: it may count on content that it found. */
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

  /** Not at all while a save runs. */
  async #deletingIfFree(work: () => Promise<void>): Promise<void> {
    try {
      await this.#deleting(work, { waitMs: 0 });
    } catch (error) {
      if (!isLadingError(error, 'LOCKED')) throw error;
    }
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
  async #write({ digest, size }: Descriptor, bytes: Buffer): Promise<void> {
    if ((await this.layout.sizeOf({ digest })) === size) return;
    await writeBlob(this.layout.directory, digest, bytes);
    await syncDirectoryOf(join(this.layout.directory, blobPath(digest)));
  }

  /** Removes content that nobody holds but the repository in which it is deleted. */
  #remove(digest: Digest, entries: Entries, repository?: string): Promise<void> {
    return this.#removed.remove(digest, () => this.#isHeld(digest, entries, repository));
  }

  async #isHeld(digest: Digest, entries: Entries, except?: string): Promise<boolean> {
    if (await this.#graph.needs(entries, digest)) return true;
    return (await this.blobs.holders(digest)).some((repository) => repository !== except);
  }
}
