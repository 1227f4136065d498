import { giveBackChunk } from '../../content/chunks.js';
import type { Descriptor } from '../../content/descriptor.js';
import {
  algorithmOf,
  createDigester,
  type Digest,
  type DigestAlgorithm,
  type Digester,
} from '../../content/digest.js';
import { cutShort, digestMismatch, tooLong } from '../../content/verify.js';
import { isLadingError } from '../../errors.js';
import type { FileSink } from '../file-sink.js';
import type { OpenContent, PushOptions } from '../store.js';
import { type WriteGatheredOptions, writeGathered } from '../write-gathered.js';

export interface GrowingContentOptions {
  /** Bytes that are in the file, from an earlier process too; default none. */
  size?: number | undefined;
  /** What is hashed on the way; a digest of another algorithm takes a reading of the file. Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
}

export interface AppendOptions extends Pick<WriteGatheredOptions, 'ahead'> {
  signal?: AbortSignal | undefined;
  /** Throws when the file is no longer this process's to write to. */
  assertHeld?: (() => void) | undefined;
}

/**
 * Content that grows at the end of a file until it is whole, hashed on its way: a blob that is saved into a layout, and
 * one that a client of a registry pushes. What came before a break, or a kill, counts, and is hashed again where
 * nobody remembers its hash.
 */
export class GrowingContent {
  readonly #algorithm: DigestAlgorithm;
  #size: number;
  /** Of all bytes so far; undefined where the file has to be read for it. */
  #digester: Digester | undefined;

  constructor({ size = 0, algorithm = 'sha256' }: GrowingContentOptions = {}) {
    this.#algorithm = algorithm;
    this.#size = size;
    if (size === 0) this.#digester = createDigester(algorithm);
  }

  /** Bytes that are in the file and count. */
  get size(): number {
    return this.#size;
  }

  /** Takes the file to have so many bytes, of which nothing is known. */
  reset(size = 0): void {
    this.#size = size;
    this.#digester = size === 0 ? createDigester(this.#algorithm) : undefined;
  }

  /**
   * Receives what is missing of the content that a descriptor names, and verifies the whole. Nothing counts after
   * `DIGEST_MISMATCH` and `SIZE_MISMATCH`; after anything else the bytes so far do.
   */
  async complete(
    file: FileSink,
    descriptor: Descriptor,
    open: OpenContent,
    { onBytes, signal }: PushOptions = {},
  ): Promise<void> {
    try {
      await this.#hashKept(file, { onBytes, signal });
      if (this.#size < descriptor.size) {
        const body = await open({ start: this.#size, signal });
        await this.append(file, upTo(descriptor, { start: this.#size, body, onBytes }), { ahead: true });
      }
      if (this.#size < descriptor.size) throw cutShort(descriptor, this.#size);
      const actual = await this.digest(file, algorithmOf(descriptor.digest));
      if (actual !== descriptor.digest) throw digestMismatch(descriptor, actual);
    } catch (error) {
      if (isLadingError(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) this.reset();
      throw error;
    }
  }

  /** Takes more bytes at the end. When `chunks` breaks off, what came before stays and counts. */
  async append(
    file: FileSink,
    chunks: AsyncIterable<Buffer>,
    { signal, ahead = false, assertHeld }: AppendOptions = {},
  ): Promise<void> {
    const write = async (batch: Buffer[]): Promise<void> => {
      assertHeld?.();
      await this.#write(file, batch);
    };
    await writeGathered(chunks, write, { ahead, onChunk: () => signal?.throwIfAborted() });
  }

  /** The digest of all that counts. */
  async digest(file: FileSink, algorithm: DigestAlgorithm): Promise<Digest> {
    const running = this.#digester;
    this.#digester = undefined; // a digester can be ended once
    if (running !== undefined && algorithm === this.#algorithm) return running.digest();
    const digester = createDigester(algorithm);
    for await (const chunk of file.read(0, this.#size)) digester.update(chunk);
    return digester.digest();
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
    for (const chunk of chunks) {
      this.#size += chunk.byteLength;
      giveBackChunk(chunk);
    }
  }

  /** Bytes of an earlier run count only after they went through the hash. */
  async #hashKept(file: FileSink, { onBytes, signal }: PushOptions): Promise<void> {
    if (this.#digester !== undefined) return;
    const digester = createDigester(this.#algorithm);
    for await (const chunk of file.read(0, this.#size)) {
      signal?.throwIfAborted();
      digester.update(chunk);
    }
    if (digester.size < this.#size) return this.reset();
    this.#digester = digester;
    onBytes?.(this.#size, 'kept');
  }
}

/** Passes content on from `start` to its end; throws where there is more than its descriptor says. */
async function* upTo(
  descriptor: Descriptor,
  { start, body, onBytes }: { start: number; body: AsyncIterable<Buffer>; onBytes: PushOptions['onBytes'] },
): AsyncGenerator<Buffer> {
  let received = start;
  for await (const chunk of body) {
    received += chunk.byteLength;
    if (received > descriptor.size) throw tooLong(descriptor);
    onBytes?.(chunk.byteLength, 'fetched');
    yield chunk;
  }
}
