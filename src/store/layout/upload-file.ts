import { unlink } from 'node:fs/promises';
import { algorithmOf, type Digest } from '../../content/digest.js';
import { digestMismatch } from '../../content/verify.js';
import { diskError } from '../../disk/disk.js';
import type { FileInTurns, Turn } from '../../disk/file-in-turns.js';
import { ifThere } from '../../disk/own-file.js';
import { isLadingError, LadingError, systemCode } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import type { BlobUpload } from '../writable-repository.js';
import { GrowingContent } from './growing-content.js';

export interface UploadFileOptions {
  id: string;
  file: FileInTurns;
  /** The open file, if it was just created. */
  sink?: FileSink | undefined;
  /**
   * Adds the content with this digest to the repository before it gets its final name. That protects it from a deletion
   * in another repository, and a kill leaves no blob without a repository.
   */
  claim(digest: Digest): Promise<void>;
  /** Gives the file, which is complete and on the disk, its final name. */
  keep(path: string, digest: Digest): Promise<void>;
  /** Called when a request is finished with the upload, whose file stays open for the next request. */
  onIdle?: (() => void) | undefined;
  /** Called when the upload was kept, cancelled, or found to be gone. */
  onOver?: (() => void) | undefined;
}

/**
 * An upload as a file that grows. Several processes may have it, but only one at a time writes to it or gives it its
 * final name. The file stays open between requests; if another process had a turn meanwhile, it is opened again.
 */
export class UploadFile implements BlobUpload {
  readonly id: string;
  readonly #options: UploadFileOptions;
  readonly #file: FileInTurns;
  readonly #content = new GrowingContent();
  #sink: FileSink | undefined;
  #isBusy = false;
  #isOver = false;

  constructor(options: UploadFileOptions) {
    this.id = options.id;
    this.#options = options;
    this.#file = options.file;
    this.#sink = options.sink;
  }

  get size(): number {
    return this.#content.size;
  }

  /** True while a request is using the upload. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Checks how much other processes have written; returns false if the upload has ended. */
  async look(): Promise<boolean> {
    if (this.#isBusy || this.#isOver) return !this.#isOver;
    const found = await this.#lookAtFile();
    if (this.#isBusy || this.#isOver) return !this.#isOver;
    if (found === undefined) {
      this.#end();
      await this.#close();
      return false;
    }
    // A smaller size was read before this process continued a moment ago.
    if (found.size > this.size) this.#content.reset(found.size);
    return true;
  }

  /** If others take turns too fast to look at the file, returns the last known size. */
  async #lookAtFile(): Promise<{ size: number } | undefined> {
    try {
      return await this.#file.look();
    } catch (error) {
      if (!isLadingError(error, 'LOCKED')) throw error;
      return { size: this.size };
    }
  }

  append(
    chunks: AsyncIterable<Buffer>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#inTurn(async (turn) => {
      const before = this.size;
      const sink = await this.#open(turn);
      if (this.size !== before)
        throw new LadingError('LOCKED', `another process has written to the upload ${this.id}`);
      const assertHeld = () => turn.assertHeld();
      await this.#content.append(sink, chunks, { signal, assertHeld });
      await sink.settle(); // do not confirm bytes that the disk has refused
    });
  }

  commit(digest: Digest): Promise<void> {
    return this.#inTurn(async (turn) => {
      const sink = await this.#openWhole(turn);
      const actual = await this.#content.digest(sink, algorithmOf(digest));
      if (actual !== digest) {
        await this.#remove(turn.path);
        throw digestMismatch({ mediaType: 'application/octet-stream', digest, size: this.size }, actual);
      }
      await Promise.all([sink.sync(), this.#options.claim(digest)]); // the disk does both in the time of one
      turn.assertHeld();
      await this.#options.keep(turn.path, digest);
      this.#end();
    });
  }

  cancel(): Promise<void> {
    return this.#alone(async () => {
      // A turn requires a new name, for which a full disk may have no space.
      if (await this.#remove(this.#file.ownPath)) return;
      const turn = await this.#file.take();
      try {
        await this.#remove(turn.path);
      } finally {
        await turn.end();
      }
    });
  }

  /** Closes the file until the next request, unless one is using it. */
  async release(): Promise<void> {
    if (!this.#isBusy) await this.#close();
  }

  async #close(): Promise<void> {
    const sink = this.#sink;
    this.#sink = undefined;
    await sink?.close();
  }

  /** Opens the file. If another process had a turn since, only the size of the content is known. */
  async #open(turn: Turn): Promise<FileSink> {
    if (!turn.isNext) await this.#close();
    this.#sink ??= await openFileSink(turn.path, { create: false });
    if (!turn.isNext) this.#content.reset(await this.#sink.size());
    return this.#sink;
  }

  /**
   * Opens the file and checks that it still is the one with this name, because that is the file that gets the final
   * name.
   */
  async #openWhole(turn: Turn): Promise<FileSink> {
    let sink = await this.#open(turn);
    if (!(await sink.isAt(turn.path))) {
      await this.#close();
      sink = await this.#open({ ...turn, isNext: false });
    }
    const size = await sink.size();
    if (size !== this.size) this.#content.reset(size);
    return sink;
  }

  /** Returns false if the file does not exist. */
  async #remove(path: string): Promise<boolean> {
    if ((await ifThere(async () => [await unlink(path)])) === undefined) return false;
    this.#end();
    return true;
  }

  #end(): void {
    this.#isOver = true;
    this.#options.onOver?.();
  }

  #inTurn(work: (turn: Turn) => Promise<void>): Promise<void> {
    return this.#alone(async () => {
      const turn = await this.#file.take();
      try {
        await work(turn);
      } finally {
        if (this.#sink?.isLost === true) {
          await this.#close(); // this empties the file
          this.#content.reset();
        }
        await turn.end();
      }
    });
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new LadingError('LOCKED', `another request is using the upload ${this.id}`);
    if (this.#isOver) throw this.#gone();
    this.#isBusy = true;
    try {
      await work();
    } catch (error) {
      const failure = diskError(error, this.#file.ownPath);
      if (!isMissing(failure)) throw failure;
      this.#end(); // another process has kept it or removed it
      throw this.#gone();
    } finally {
      this.#isBusy = false;
      if (this.#isOver) await this.#close();
      else this.#options.onIdle?.();
    }
  }

  #gone(): LadingError {
    return new LadingError('NOT_FOUND', `the upload ${this.id} is over`);
  }
}

function isMissing(failure: unknown): boolean {
  return failure instanceof LadingError && systemCode(failure.cause) === 'ENOENT';
}
