import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fs from 'fs-extra';
import { repositoriesOf } from '../../content/annotations.js';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { removeIfEmpty, requireSpace, type SpaceOptions, type StatFS, sizeOf } from '../../disk/disk.js';
import { openDirectory } from '../../disk/files.js';
import { acquireLock, type Lock, type LockOptions } from '../../disk/lock.js';
import { UnsafeFileError } from '../../disk/own-file.js';
import { thisUser } from '../../disk/users.js';
import { LadingError, systemCode } from '../../errors.js';
import { parseManifest } from '../../manifest/manifest.js';
import { attachedTo } from '../attached.js';
import type { FileSink } from '../file-sink.js';
import { ManifestGraph } from '../manifest-graph.js';
import { readVerified } from '../read-content.js';
import { RepositoryContents } from '../repository-contents.js';
import { NAMELESS_REPOSITORY } from '../repository-view.js';
import type { OpenContent, PushOptions, Store } from '../store.js';
import { has } from '../store.js';
import { GrowingContent } from './growing-content.js';
import { IndexFile } from './index-file.js';
import { nameAnnotations, withAttachedEntry, withEntry, withNoted } from './layout-index.js';
import { LayoutReader } from './layout-reader.js';
import {
  INGEST,
  makeLayout,
  moveToBlob,
  openInIngest,
  removeUnusedLayout,
  writeBlob,
} from './make-layout.js';

/** Opens a layout directory for reading. */
export async function openLayout(directory: string): Promise<LayoutReader> {
  return LayoutReader.open(openDirectory(directory));
}

/**
 * Opens a layout directory for writing, and creates it if it does not exist. Other saves into it wait until it is
 * closed, but a registry that serves it does not. Rejects with `ALREADY_EXISTS` if the directory contains something
 * else.
 */
export async function openLayoutForWriting(
  directory: string,
  options: LockOptions & SpaceOptions = {},
): Promise<LayoutDirectory> {
  const { lock, isNew } = await lockLayout(directory, options);
  try {
    return await LayoutDirectory.openLocked(directory, { lock, isNew, statfs: options.statfs });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Takes the lock. Until then, another writer may remove a layout that it created without writing to it, so this tries
 * again.
 */
async function lockLayout(
  directory: string,
  options: LockOptions,
  tries = 5,
): Promise<{ lock: Lock; isNew: boolean }> {
  try {
    const isNew = await makeLayout(directory);
    const lock = await acquireLock(join(directory, INGEST), options);
    if (await fs.pathExists(join(directory, 'oci-layout'))) return { lock, isNew };
    await lock.release();
  } catch (error) {
    const isGone = error instanceof LadingError && systemCode(error.cause) === 'ENOENT';
    if (!isGone || tries === 1) throw error;
  }
  return lockLayout(directory, options, tries - 1);
}

/**
 * A layout directory that this process fills. Incomplete blobs are kept in `ingest`, where a later run resumes them.
 * Changes that other processes make to the index are preserved.
 */
export class LayoutDirectory extends LayoutReader implements Store {
  readonly #directory: string;
  readonly #lock: Lock;
  readonly #index: IndexFile;
  readonly #statfs: StatFS | undefined;
  /** True if this process created the layout, and has not written content to it yet. */
  #isUnused: boolean;
  readonly #pushing = new Map<Digest, Promise<void>>();
  /** The changes of this run to the index, which are applied again to whatever others have written by then. */
  #edits: ((entries: readonly Descriptor[]) => Descriptor[])[] = [];
  /** The names that this run sets. */
  readonly #named: Descriptor[] = [];
  /**
   * Manifests that were present already; their entries may have notes of other repositories than those of the new
   * names.
   */
  readonly #found: Descriptor[] = [];

  private constructor(
    directory: string,
    { lock, isNew, statfs }: LockedLayout,
    { index, entries }: { index: IndexFile; entries: readonly Descriptor[] },
  ) {
    super(openDirectory(directory), entries);
    this.#isUnused = isNew;
    this.#statfs = statfs;
    this.#directory = directory;
    this.#lock = lock;
    this.#index = index;
  }

  static async openLocked(directory: string, locked: LockedLayout): Promise<LayoutDirectory> {
    const index = new IndexFile(directory);
    return new LayoutDirectory(directory, locked, { index, entries: await index.read() });
  }

  async prepare(contents: readonly Descriptor[]): Promise<void> {
    let bytes = 0;
    let largestFile = 0;
    for (const content of contents) {
      if (await has(this, content)) continue;
      const part = await sizeOf(join(this.#directory, INGEST, partName(content.digest)));
      bytes += content.size - Math.min(content.size, part);
      largestFile = Math.max(largestFile, content.size);
    }
    await requireSpace(this.#directory, { bytes, largestFile }, this.#statfs);
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    const { digest } = descriptor;
    const running = this.#pushing.get(digest);
    if (running !== undefined) return running;
    const push = this.#push(descriptor, open, options).finally(() => this.#pushing.delete(digest));
    this.#pushing.set(digest, push);
    return push;
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
    if (!(await has(this, descriptor))) {
      throw new LadingError(
        'NOT_FOUND',
        `${this.location} does not hold ${descriptor.digest}, which should be named ${reference}`,
      );
    }
    this.#named.push({
      ...descriptor,
      annotations: { ...descriptor.annotations, ...nameAnnotations(reference) },
    });
    this.#edit((entries) => withEntry(entries, descriptor, reference));
  }

  /** Writes the new names to the index. */
  async commit(): Promise<void> {
    this.#lock.assertHeld();
    this.#isUnused = false;
    await this.#noteHolders();
    const edits = this.#edits;
    if (edits.length > 0) {
      await this.#index.change((entries) => edits.reduce((before, edit) => edit(before), entries));
      this.#edits = this.#edits.slice(edits.length);
      this.#setEntries(this.#edits.reduce((before, edit) => edit(before), await this.#index.read()));
    }
    await removeIfEmpty(join(this.#directory, INGEST));
  }

  /** Closes the layout, and removes it if this process created it but did not use it. */
  override async close(): Promise<void> {
    await super.close();
    try {
      if (this.#isUnused) await removeUnusedLayout(this.#directory);
    } finally {
      await this.#lock.release();
    }
    if (this.#isUnused) await removeIfEmpty(this.#directory);
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    if (await has(this, descriptor)) {
      if (isManifest(descriptor.mediaType)) this.#found.push(plainDescriptor(descriptor));
      return;
    }
    if (isManifest(descriptor.mediaType)) await this.#pushManifest(descriptor, open, options);
    else await this.#pushBlob(descriptor, open, options);
    this.#isUnused = false;
  }

  async #pushManifest(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const bytes = await readVerified(descriptor, open, options);
    const attached = attachedTo(descriptor, parseManifest(bytes, descriptor));
    await writeBlob(this.#directory, descriptor.digest, bytes, { alone: true });
    options.onBytes?.(bytes.byteLength, 'fetched');
    if (attached !== undefined)
      this.#edit((entries) => withAttachedEntry(entries, descriptor, attached.subject));
  }

  /**
   * Completes the part file of a blob. Its leading bytes may be from any run, so they are hashed again before the rest
   * is fetched.
   */
  async #pushBlob(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const file = await this.#openPart(descriptor.digest);
    try {
      const size = Math.min(await file.size(), descriptor.size);
      const content = new GrowingContent({ size, algorithm: algorithmOf(descriptor.digest) });
      try {
        await content.complete(file, descriptor, open, options);
      } finally {
        await file.truncate(content.size);
        if (content.size === 0 && descriptor.size > 0) await rm(file.path, { force: true });
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await moveToBlob(file.path, this.#directory, descriptor.digest);
  }

  /**
   * Opens the part file of a blob. If another user owns it, and so may still write to it, this user's part gets another
   * name.
   */
  async #openPart(digest: Digest): Promise<FileSink> {
    try {
      return await openInIngest(this.#directory, partName(digest));
    } catch (error) {
      if (!(error instanceof UnsafeFileError)) throw error;
      return openInIngest(this.#directory, partName(digest, thisUser()));
    }
  }

  /**
   * Adds notes so that attachments that a served repository has for an image also belong to the same image of this run.
   */
  async #noteHolders(): Promise<void> {
    const isKept = ({ digest }: Descriptor) =>
      this.entries.some((entry) => entry.digest === digest && repositoriesOf(entry).length > 0);
    const found = this.#found.splice(0).filter(isKept);
    const graph = new ManifestGraph(this);
    const contents = new RepositoryContents([...this.#named, ...found], graph);
    for (const [manifest, repositories] of await contents.looseRepositories()) {
      if ((await graph.linksOf(manifest)).subject === undefined) continue;
      const named = repositories.filter((repository) => repository !== NAMELESS_REPOSITORY);
      this.#edit((entries) => withNoted(entries, manifest, named));
    }
  }

  #edit(edit: (entries: readonly Descriptor[]) => Descriptor[]): void {
    this.#edits.push(edit);
    this.#setEntries(edit(this.entries));
  }

  #setEntries(entries: readonly Descriptor[]): void {
    this.entries = entries;
    this.forgetAttached();
  }
}

/** A layout that only this process writes, except for its index. */
interface LockedLayout {
  lock: Lock;
  isNew: boolean;
  statfs: StatFS | undefined;
}

function partName(digest: Digest, user?: number): string {
  return `${algorithmOf(digest)}-${encodedOf(digest)}${user === undefined ? '' : `.${user}`}.part`;
}
