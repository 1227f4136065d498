import { createHash, randomUUID } from 'node:crypto';
import { lstat, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest } from '../../content/digest.js';
import { listDirectory, onDisk, syncDirectoryOf, unlessRefused } from '../../disk/disk.js';
import { FileInTurns } from '../../disk/file-in-turns.js';
import { removeLock } from '../../disk/lock.js';
import { ifThere } from '../../disk/own-file.js';
import type { FileSink } from '../file-sink.js';
import { blobPath } from './layout-reader.js';
import { INGEST, moveToBlob, openInIngest } from './make-layout.js';
import type { RepositoryBlobs } from './repository.js';
import { UploadFile } from './upload-file.js';

const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Files that a killed push leaves behind. Parts of blobs are not among them, because a later save resumes them. */
const LEFT_IN_INGEST = /\.(?:upload(?:\.lock(?:\..*)?)?|tmp)$/;
/** A lock, or the claim to one, which is a directory. */
const LOCK = /\.lock(?:\.|$)/;
/** Maximum number of files that stay open for the next request, well below the usual limit of a process. */
const MOST_OPEN = 100;
const LEFT_BESIDE = /^(?:index\.json|oci-layout)\.(?:.*\.)?tmp$/;

/** The uploads to a layout directory, as files in `ingest`: an upload outlives the process that began it. */
export class Uploads {
  readonly #directory: string;
  /** Uploads that this process has used, with their running digests. */
  readonly #known = new Map<string, UploadFile>();
  /** Uploads with open files, least recently used first. */
  readonly #open = new Set<UploadFile>();

  constructor(
    directory: string,
    private readonly blobs: RepositoryBlobs,
  ) {
    this.#directory = directory;
  }

  /** Number of uploads that this process knows. */
  get size(): number {
    return this.#known.size;
  }

  async create(repository: string): Promise<UploadFile> {
    const id = randomUUID();
    const file = this.#fileOf(id, repository);
    const sink = await openInIngest(this.#directory, basename(file.ownPath));
    const upload = this.#remember({ id, repository, file, sink });
    this.#stayOpen(upload);
    return upload;
  }

  /**
   * Returns an upload, or undefined if the repository does not have it or it has ended. Another process may have
   * continued it.
   */
  async find(id: string, repository: string): Promise<UploadFile | undefined> {
    if (!UPLOAD_ID.test(id)) return undefined;
    const known = this.#known.get(keyOf(id, repository));
    const upload = known ?? this.#remember({ id, repository, file: this.#fileOf(id, repository) });
    return (await upload.look()) ? upload : undefined;
  }

  /** Removes what received no data for `maxAgeMs` milliseconds, whichever process left it. */
  async sweep(maxAgeMs: number): Promise<void> {
    const there = new Set(((await listDirectory(join(this.#directory, INGEST))) ?? []).map(keyIn));
    for (const [key, { isBusy }] of this.#known) if (!there.has(key) && !isBusy) await this.#forget(key);
    for (const [directory, left] of [
      [join(this.#directory, INGEST), LEFT_IN_INGEST],
      [this.#directory, LEFT_BESIDE],
    ] as const) {
      for (const name of (await listDirectory(directory)) ?? []) {
        if (!left.test(name) || this.#known.get(keyIn(name))?.isBusy === true) continue;
        const path = join(directory, name);
        const age = await ageOf(path);
        if (age === undefined || age < maxAgeMs) continue;
        // Leftovers of another user, which only that user can remove, must not stop the server.
        await unlessRefused(() => (LOCK.test(name) ? removeLock(path) : rm(path, { force: true })));
        await this.#forget(keyIn(name));
      }
    }
  }

  /** Closes the files, so that the uploads can be continued later. */
  async close(): Promise<void> {
    for (const upload of this.#open) await upload.release();
    this.#open.clear();
  }

  #remember({ id, repository, ...at }: Begun): UploadFile {
    const key = keyOf(id, repository);
    const upload: UploadFile = new UploadFile({
      id,
      ...at,
      claim: async (digest) => (await this.blobs.add(repository, digest))(),
      keep: (path, digest) => this.#keep(path, digest),
      onIdle: () => this.#stayOpen(upload),
      onOver: () => {
        this.#known.delete(key);
        this.#open.delete(upload);
      },
    });
    this.#known.set(key, upload);
    return upload;
  }

  #stayOpen(upload: UploadFile): void {
    this.#open.delete(upload);
    this.#open.add(upload);
    if (this.#open.size <= MOST_OPEN) return;
    for (const oldest of this.#open) {
      if (oldest.isBusy) continue;
      this.#open.delete(oldest);
      oldest.release().catch(() => undefined); // the next request reports what the disk has refused
      return;
    }
  }

  async #forget(key: string): Promise<void> {
    const upload = this.#known.get(key);
    if (upload === undefined) return;
    this.#known.delete(key);
    this.#open.delete(upload);
    await upload.release();
  }

  #fileOf(id: string, repository: string): FileInTurns {
    return new FileInTurns(join(this.#directory, INGEST, keyOf(id, repository)), '.upload');
  }

  async #keep(path: string, digest: Digest): Promise<void> {
    const blob = join(this.#directory, blobPath(digest));
    await moveToBlob(path, this.#directory, digest);
    await syncDirectoryOf(blob);
  }
}

interface Begun {
  id: string;
  repository: string;
  file: FileInTurns;
  sink?: FileSink;
}

/** The repository is part of the name, so that an upload cannot be continued in another one. */
function keyOf(id: string, repository: string): string {
  return `${id}-${createHash('sha256').update(repository).digest('hex').slice(0, 16)}`;
}

/** Returns the key in the name of an upload's file. */
function keyIn(name: string): string {
  return name.replace(/\..*$/, '');
}

async function ageOf(path: string): Promise<number | undefined> {
  const found = await onDisk(path, () => ifThere(() => lstat(path)));
  return found === undefined ? undefined : Date.now() - found.mtimeMs;
}
