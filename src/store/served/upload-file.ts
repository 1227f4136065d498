import { rm } from 'node:fs/promises';
import {
  algorithmOf,
  createDigester,
  type Digest,
  type DigestAlgorithm,
  type Digester,
} from '../../content/digest.js';
import { digestMismatch } from '../../content/verify.js';
import { LadingError } from '../../errors.js';
import { diskError, type FileSink, openFileSink } from '../disk.js';
import type { BlobUpload } from '../writable-repository.js';

/** Chunks are gathered to this size for one write. */
const BATCH_BYTES = 1024 * 1024;
/** What is hashed on the way; content of another algorithm is read again when it is complete. */
const USUAL_ALGORITHM = 'sha256';

export interface UploadFileOptions {
  id: string;
  path: string;
  /** Bytes that are in the file, from an earlier process too. */
  size: number;
  /** Gives the file, which is whole and on the disk, its final name. */
  keep(path: string, digest: Digest): Promise<void>;
}

/** An upload as a file that grows, hashed on the way. */
export class UploadFile implements BlobUpload {
  readonly id: string;
  readonly #path: string;
  readonly #keep: UploadFileOptions['keep'];
  #size: number;
  /** Of all bytes so far; undefined where the file has to be read for it. */
  #digester: Digester | undefined;
  #isBusy = false;
  #isOver = false;

  constructor({ id, path, size, keep }: UploadFileOptions) {
    this.id = id;
    this.#path = path;
    this.#size = size;
    this.#keep = keep;
    if (size === 0) this.#digester = createDigester(USUAL_ALGORITHM);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether a request is at work on it. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether it was committed or thrown away. */
  get isOver(): boolean {
    return this.#isOver;
  }

  append(
    chunks: AsyncIterable<Buffer>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    return this.#alone(async (file) => {
      let batch: Buffer[] = [];
      let batchBytes = 0;
      const flush = async (): Promise<void> => {
        const gathered = batch;
        batch = [];
        batchBytes = 0;
        if (gathered.length > 0) await this.#write(file, gathered);
      };
      try {
        for await (const chunk of chunks) {
          signal?.throwIfAborted();
          batch.push(chunk);
          batchBytes += chunk.byteLength;
          if (batchBytes >= BATCH_BYTES) await flush();
        }
      } finally {
        await flush(); // what came before a break counts
      }
    });
  }

  commit(digest: Digest): Promise<void> {
    return this.#alone(async (file) => {
      await this.#countAll(file);
      const actual = await this.#digest(file, algorithmOf(digest));
      if (actual !== digest) {
        await this.#remove();
        throw digestMismatch({ mediaType: 'application/octet-stream', digest, size: this.#size }, actual);
      }
      await file.sync();
      await this.#keep(this.#path, digest);
      this.#isOver = true;
    });
  }

  cancel(): Promise<void> {
    return this.#alone(() => this.#remove());
  }

  async #write(file: FileSink, chunks: Buffer[]): Promise<void> {
    const digester = this.#digester;
    this.#digester = undefined; // of a write that fails, nobody knows how far it came
    const writing = file.write(chunks, this.#size);
    for (const chunk of chunks) digester?.update(chunk);
    try {
      await writing;
    } catch (error) {
      // What is said is why the write failed. Bytes that stay all the same are the right ones, and count later.
      await file.truncate(this.#size).catch(() => undefined);
      throw error;
    }
    this.#digester = digester;
    for (const { byteLength } of chunks) this.#size += byteLength;
  }

  /** What another process has written counts too: the whole file is what gets the final name. */
  async #countAll(file: FileSink): Promise<void> {
    const size = await file.size();
    if (size === this.#size) return;
    this.#size = size;
    this.#digester = undefined;
  }

  async #digest(file: FileSink, algorithm: DigestAlgorithm): Promise<Digest> {
    const running = this.#digester;
    this.#digester = undefined; // a digester can be ended once
    if (running !== undefined && algorithm === USUAL_ALGORITHM) return running.digest();
    const digester = createDigester(algorithm);
    for await (const chunk of file.read(0, this.#size)) digester.update(chunk);
    return digester.digest();
  }

  async #remove(): Promise<void> {
    this.#isOver = true;
    await rm(this.#path, { force: true });
  }

  async #alone(work: (file: FileSink) => Promise<void>): Promise<void> {
    if (this.#isBusy) throw new LadingError('LOCKED', `another request is at work on the upload ${this.id}`);
    if (this.#isOver) throw new LadingError('NOT_FOUND', `the upload ${this.id} is over`);
    this.#isBusy = true;
    try {
      const file = await openFileSink(this.#path, { create: false });
      try {
        await work(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      throw diskError(error, this.#path);
    } finally {
      this.#isBusy = false;
    }
  }
}
