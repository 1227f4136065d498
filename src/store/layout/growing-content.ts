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
  /** Bytes that are already in the file, perhaps from an earlier process; default 0. */
  size?: number | undefined;
  /**
   * The algorithm that is computed while bytes arrive; for a digest of another one the file is read again. Default
   * sha256.
   */
  algorithm?: DigestAlgorithm | undefined;
}

export interface AppendOptions extends Pick<WriteGatheredOptions, 'ahead'> {
  signal?: AbortSignal | undefined;
  /** Throws if this process may not write to the file any more. */
  assertHeld?: (() => void) | undefined;
}

/**
 * Content that grows at the end of a file until it is complete, and is hashed meanwhile: a blob that is saved into a
 * layout, or pushed by a client of a registry. Bytes from before an interruption are kept, and hashed again if their
 * hash is not in memory.
 */
export class GrowingContent {
  readonly #algorithm: DigestAlgorithm;
  #size: number;
  /** Digest of all bytes so far; undefined if the file must be read to compute it. */
  #digester: Digester | undefined;

  constructor({ size = 0, algorithm = 'sha256' }: GrowingContentOptions = {}) {
    this.#algorithm = algorithm;
    this.#size = size;
    if (size === 0) this.#digester = createDigester(algorithm);
  }

  /** Number of valid bytes in the file. */
  get size(): number {
    return this.#size;
  }

  /** Sets the number of bytes in the file, and forgets the digest of their content. */
  reset(size = 0): void {
    this.#size = size;
    this.#digester = size === 0 ? createDigester(this.#algorithm) : undefined;
  }

  /**
   * Receives the missing part of the content that a descriptor names, and verifies all of it. After `DIGEST_MISMATCH`
   * and `SIZE_MISMATCH` all bytes are discarded; after any other error they are kept.
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

  /** Appends bytes. If `chunks` fails, the bytes before the failure are kept. */
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

  /** Returns the digest of all valid bytes. */
  async digest(file: FileSink, algorithm: DigestAlgorithm): Promise<Digest> {
    const running = this.#digester;
    this.#digester = undefined; // a digester can be finished only once
    if (running !== undefined && algorithm === this.#algorithm) return running.digest();
    const digester = createDigester(algorithm);
    for await (const chunk of file.read(0, this.#size)) digester.update(chunk);
    return digester.digest();
  }

  async #write(file: FileSink, chunks: Buffer[]): Promise<void> {
    const digester = this.#digester;
    this.#digester = undefined; // if the write fails, it is unknown how much was written
    const writing = file.write(chunks, this.#size);
    for (const chunk of chunks) digester?.update(chunk);
    try {
      await writing;
    } catch (error) {
      // Report why the write failed, not the truncate. Bytes that stay in the file are correct, and are used later.
      await file.truncate(this.#size).catch(() => undefined);
      throw error;
    }
    this.#digester = digester;
    for (const chunk of chunks) {
      this.#size += chunk.byteLength;
      giveBackChunk(chunk);
    }
  }

  /** Hashes the bytes of an earlier run before they are used. */
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

/** Passes on content from `start` to its end; throws if there is more than the descriptor says. */
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
