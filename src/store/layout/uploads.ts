import { createHash, randomUUID } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../content/digest.js';
import { listDirectory, onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { removeLock } from '../../disk/lock.js';
import { ifThere } from '../../disk/own-file.js';
import { blobPath } from './layout-reader.js';
import { INGEST, moveToBlob, openInIngest } from './make-layout.js';
import type { RepositoryBlobs } from './repository.js';
import { UploadFile } from './upload-file.js';

const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What pushes leave when they die. Parts of blobs stay: a later save goes on from them. */
const LEFT_IN_INGEST = /\.(?:upload(?:\.lock(?:\..*)?)?|tmp)$/;
/** A lock is a directory, and so is the claim to one. */
const LOCK = /\.lock(?:\.|$)/;
const LEFT_BESIDE = /^(?:index\.json|oci-layout)\.(?:.*\.)?tmp$/;

/** The uploads to a layout directory, as files in `ingest`: an upload outlives the process that began it. */
export class Uploads {
  readonly #directory: string;
  /** Those that this process has at hand, with their running digests. */
  readonly #open = new Map<string, UploadFile>();

  constructor(
    directory: string,
    private readonly blobs: RepositoryBlobs,
  ) {
    this.#directory = directory;
  }

  /** How many are at hand. */
  get size(): number {
    return this.#open.size;
  }

  async create(repository: string): Promise<UploadFile> {
    const id = randomUUID();
    const name = fileName(id, repository);
    const file = await openInIngest(this.#directory, name);
    await file.close();
    return this.#remember(name, { id, size: 0, repository });
  }

  /** Undefined when there is none of this repository, or no longer. */
  async find(id: string, repository: string): Promise<UploadFile | undefined> {
    if (!UPLOAD_ID.test(id)) return undefined;
    const name = fileName(id, repository);
    const size = await sizeOf(join(this.#directory, INGEST, name));
    const known = this.#open.get(name);
    if (known?.isOver === true || size === undefined) {
      this.#open.delete(name);
      return undefined;
    }
    // Another process may have gone on with it. A smaller size is of before this one did, a moment ago.
    if (known !== undefined && (known.isBusy || known.size >= size)) return known;
    return this.#remember(name, { id, size, repository });
  }

  /** Removes what nobody wrote to for `maxAgeMs`, whichever process left it. */
  async sweep(maxAgeMs: number): Promise<void> {
    const there = new Set((await listDirectory(join(this.#directory, INGEST))) ?? []);
    for (const [name, { isBusy }] of this.#open) if (!there.has(name) && !isBusy) this.#open.delete(name);
    for (const [directory, left] of [
      [join(this.#directory, INGEST), LEFT_IN_INGEST],
      [this.#directory, LEFT_BESIDE],
    ] as const) {
      for (const name of (await listDirectory(directory)) ?? []) {
        if (!left.test(name) || this.#open.get(name)?.isBusy === true) continue;
        const path = join(directory, name);
        const age = await ageOf(path);
        if (age === undefined || age < maxAgeMs) continue;
        // What another user has left, who alone may remove it, keeps nobody from serving the rest.
        await unlessRefused(() => (LOCK.test(name) ? removeLock(path) : rm(path, { force: true })));
        this.#open.delete(name);
      }
    }
  }

  #remember(
    name: string,
    { id, size, repository }: { id: string; size: number; repository: string },
  ): UploadFile {
    const upload = new UploadFile({
      id,
      path: join(this.#directory, INGEST, name),
      size,
      claim: async (digest) => (await this.blobs.add(repository, digest))(),
      keep: (path, digest) => this.#keep(path, digest),
      onOver: () => this.#open.delete(name),
    });
    this.#open.set(name, upload);
    return upload;
  }

  async #keep(path: string, digest: Digest): Promise<void> {
    const blob = join(this.#directory, blobPath(digest));
    await moveToBlob(path, this.#directory, digest);
    await syncDirectoryOf(blob);
  }
}

/** The repository is in the name, so that nobody goes on with an upload of another one. */
function fileName(id: string, repository: string): string {
  return `${id}-${createHash('sha256').update(repository).digest('hex').slice(0, 16)}.upload`;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await statOrUndefined(path))?.size;
}

async function ageOf(path: string): Promise<number | undefined> {
  const found = await statOrUndefined(path);
  return found === undefined ? undefined : Date.now() - found.mtimeMs;
}

async function statOrUndefined(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  return onDisk(path, () => ifThere(() => lstat(path)));
}
