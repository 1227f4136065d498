import { rm } from 'node:fs/promises';
import { algorithmOf, type Digest } from '../../content/digest.js';
import { digestMismatch } from '../../content/verify.js';
import { diskError } from '../../disk/disk.js';
import { acquireLock } from '../../disk/lock.js';
import { LadingError, systemCode } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import type { BlobUpload } from '../writable-repository.js';
import { GrowingContent } from './growing-content.js';

export interface UploadFileOptions {
  id: string;
  path: string;
  /** Bytes that are in the file, from an earlier process too. */
  size: number;
  /**
   * Makes the content, which has this digest, one of the repository's, before it has its final name: what a
   * repository has is not removed for another one's sake, and a kill leaves no blob of nobody's.
   */
  claim(digest: Digest): Promise<void>;
  /** Gives the file, which is whole and on the disk, its final name. */
  keep(path: string, digest: Digest): Promise<void>;
  /** Told when it was kept or thrown away, or is found to be gone. */
  onOver?: (() => void) | undefined;
}

/**
 * An upload as a file that grows, hashed on the way. Several processes may have it: under a lock, one of them at a
 * time writes to it or gives it its final name.
 */
export class UploadFile implements BlobUpload {
  readonly id: string;
  readonly #path: string;
  readonly #claim: UploadFileOptions['claim'];
  readonly #keep: UploadFileOptions['keep'];
  readonly #onOver: UploadFileOptions['onOver'];
  readonly #content: GrowingContent;
  #isBusy = false;
  #isOver = false;

  constructor({ id, path, size, claim, keep, onOver }: UploadFileOptions) {
    this.id = id;
    this.#path = path;
    this.#content = new GrowingContent({ size });
    this.#claim = claim;
    this.#keep = keep;
    this.#onOver = onOver;
  }

  get size(): number {
    return this.#content.size;
  }

  /** Whether a request is at work on it. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether it was committed or thrown away, or is gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  append(
    chunks: AsyncIterable<Buffer>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#locked(async (file, assertHeld) => {
      if (await this.#hasGrown(file))
        throw new LadingError('LOCKED', `another process has written to the upload ${this.id}`);
      // Another process may finish the upload meanwhile.
      await this.#content.append(file, chunks, { signal, assertHeld });
      await file.settle(); // nobody is told that bytes are here which the disk has refused
    });
  }

  commit(digest: Digest): Promise<void> {
    return this.#locked(async (file, assertHeld) => {
      await this.#hasGrown(file);
      const actual = await this.#content.digest(file, algorithmOf(digest));
      if (actual !== digest) {
        await this.#remove();
        throw digestMismatch({ mediaType: 'application/octet-stream', digest, size: this.size }, actual);
      }
      await Promise.all([file.sync(), this.#claim(digest)]); // the disk does both in the time of one
      assertHeld();
      await this.#keep(this.#path, digest);
      this.#end();
    });
  }

  /** Without the lock, which a full disk has no room for: another process that has it finds the file gone. */
  cancel(): Promise<void> {
    return this.#alone(() => this.#remove());
  }

  /** What another process has written counts too: the whole file is what gets the final name. */
  async #hasGrown(file: FileSink): Promise<boolean> {
    const size = await file.size();
    if (size === this.size) return false;
    this.#content.reset(size);
    return true;
  }

  async #remove(): Promise<void> {
    this.#end();
    await rm(this.#path, { force: true });
  }

  #end(): void {
    this.#isOver = true;
    this.#onOver?.();
  }

  #locked(work: (file: FileSink, assertHeld: () => void) => Promise<void>): Promise<void> {
    return this.#alone(async () => {
      const lock = await acquireLock(this.#path, { waitMs: 0 });
      try {
        const file = await openFileSink(this.#path, { create: false });
        try {
          await work(file, () => lock.assertHeld());
        } finally {
          try {
            await file.close();
          } finally {
            if (file.isLost) this.#content.reset(); // it is empty now
          }
        }
      } finally {
        await lock.release();
      }
    });
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new LadingError('LOCKED', `another request is at work on the upload ${this.id}`);
    if (this.#isOver) throw this.#gone();
    this.#isBusy = true;
    try {
      await work();
    } catch (error) {
      const failure = diskError(error, this.#path);
      if (!isMissing(failure)) throw failure;
      this.#end(); // another process has kept it or swept it away
      throw this.#gone();
    } finally {
      this.#isBusy = false;
    }
  }

  #gone(): LadingError {
    return new LadingError('NOT_FOUND', `the upload ${this.id} is over`);
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof LadingError && systemCode(failure.cause) === 'ENOENT';
}
