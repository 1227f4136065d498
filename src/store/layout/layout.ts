import { dirname, join } from 'node:path';
import fs from 'fs-extra';
import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { LadingError } from '../../errors.js';
import { type FileView, openDirectory } from '../../files.js';
import { parseManifest } from '../../manifest/manifest.js';
import { attachedTo } from '../attached.js';
import {
  listDirectory,
  openFileSink,
  removeIfEmpty,
  requireSpace,
  sizeOf,
  writeFileAtomically,
} from '../disk.js';
import { acquireLock, type Lock, type LockOptions } from '../lock.js';
import { readVerified } from '../read-content.js';
import type { OpenContent, PushOptions, Store } from '../store.js';
import { ContentWriter } from '../write-content.js';
import { formatLayoutIndex, LAYOUT_FILE, withAttachedEntry, withEntry } from './layout-index.js';
import { blobPath, LayoutReader, readLayoutEntries } from './layout-reader.js';

/** Where blobs grow until they are whole, beside `blobs`: a later run goes on from there. */
const INGEST = 'ingest';

/** Opens a layout directory to read. */
export async function openLayout(directory: string): Promise<LayoutReader> {
  return LayoutReader.open(openDirectory(directory));
}

/**
 * Opens a layout directory to write, making it when it is not there; other writers wait until it is closed.
 * Rejects with `ALREADY_EXISTS` when the directory holds something else.
 */
export async function openLayoutForWriting(
  directory: string,
  options: LockOptions = {},
): Promise<LayoutDirectory> {
  await requireLayoutOrEmpty(directory);
  await fs.ensureDir(join(directory, 'blobs', 'sha256'));
  const lock = await acquireLock(join(directory, INGEST), options);
  try {
    if (!(await fs.pathExists(join(directory, 'oci-layout')))) {
      // A layout of crane's or skopeo's may have images without saying its version.
      if (!(await fs.pathExists(join(directory, 'index.json'))))
        await writeFileAtomically(join(directory, 'index.json'), formatLayoutIndex([]));
      await writeFileAtomically(join(directory, 'oci-layout'), LAYOUT_FILE);
    }
    return await LayoutDirectory.openLocked(directory, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A layout directory that this process alone writes. */
export class LayoutDirectory extends LayoutReader implements Store {
  readonly #directory: string;
  readonly #lock: Lock;
  readonly #pushing = new Map<Digest, Promise<void>>();
  readonly #directoriesMade = new Set<string>();
  #hasNewEntries = false;

  private constructor(directory: string, lock: Lock, view: FileView, entries: readonly Descriptor[]) {
    super(view, entries);
    this.#directory = directory;
    this.#lock = lock;
  }

  static async openLocked(directory: string, lock: Lock): Promise<LayoutDirectory> {
    const view = openDirectory(directory);
    return new LayoutDirectory(directory, lock, view, await readLayoutEntries(view));
  }

  async prepare(contents: readonly Descriptor[]): Promise<void> {
    let missing = 0;
    for (const content of contents) {
      if (await this.exists(content)) continue;
      missing += content.size - Math.min(content.size, await sizeOf(this.#partPath(content.digest)));
    }
    await requireSpace(this.#directory, missing);
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
    if (!(await this.exists(descriptor))) {
      throw new LadingError(
        'NOT_FOUND',
        `${this.location} does not hold ${descriptor.digest}, to be named ${reference}`,
      );
    }
    this.#setEntries(withEntry(this.entries, descriptor, reference));
  }

  /** Makes the new names visible. */
  async commit(): Promise<void> {
    this.#lock.assertHeld();
    if (this.#hasNewEntries)
      await writeFileAtomically(join(this.#directory, 'index.json'), formatLayoutIndex(this.entries));
    this.#hasNewEntries = false;
    const ingest = join(this.#directory, INGEST);
    await removeIfEmpty(ingest);
    this.#directoriesMade.delete(ingest);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#lock.release();
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    if (await this.exists(descriptor)) return;
    if (isManifest(descriptor.mediaType)) await this.#pushManifest(descriptor, open, options);
    else await this.#pushBlob(descriptor, open, options);
  }

  async #pushManifest(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const bytes = await readVerified(descriptor, open, options);
    const attached = attachedTo(descriptor, parseManifest(bytes, descriptor));
    await this.#makeDirectories(descriptor.digest);
    await writeFileAtomically(this.#blobPath(descriptor.digest), bytes);
    options.onBytes?.(bytes.byteLength, 'fetched');
    if (attached !== undefined)
      this.#setEntries(withAttachedEntry(this.entries, descriptor, attached.subject));
  }

  /** The part file holds the leading bytes, whoever wrote them: they are hashed again before the rest is fetched. */
  async #pushBlob(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const part = this.#partPath(descriptor.digest);
    await this.#makeDirectories(descriptor.digest);
    const file = await openFileSink(part);
    try {
      const writer = new ContentWriter(descriptor, file, 0, { kept: await file.size() });
      try {
        await writer.write(open, options);
      } finally {
        await file.truncate(writer.written);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(part, this.#blobPath(descriptor.digest));
  }

  #setEntries(entries: Descriptor[]): void {
    this.entries = entries;
    this.#hasNewEntries = true;
    this.forgetAttached();
  }

  async #makeDirectories(digest: Digest): Promise<void> {
    for (const directory of [join(this.#directory, INGEST), dirname(this.#blobPath(digest))]) {
      if (this.#directoriesMade.has(directory)) continue;
      await fs.ensureDir(directory);
      this.#directoriesMade.add(directory);
    }
  }

  #blobPath(digest: Digest): string {
    return join(this.#directory, blobPath(digest));
  }

  #partPath(digest: Digest): string {
    return join(this.#directory, INGEST, `${algorithmOf(digest)}-${encodedOf(digest)}.part`);
  }
}

/** Nothing that was there before is lost: only an empty directory, a layout, or one that was begun may be written to. */
async function requireLayoutOrEmpty(directory: string): Promise<void> {
  const names = await listDirectory(directory);
  if (names === undefined || names.includes('oci-layout')) return;
  const strangers = names.filter(
    (name) => !['blobs', INGEST, 'index.json', `${INGEST}.lock`, `${INGEST}.lock.owner`].includes(name),
  );
  if (strangers.length === 0) return;
  throw new LadingError(
    'ALREADY_EXISTS',
    `${directory} exists and is not an OCI layout: it holds ${strangers[0]}`,
    {
      hint: 'Choose another output, or an empty directory.',
    },
  );
}
