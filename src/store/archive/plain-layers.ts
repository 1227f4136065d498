import { Readable } from 'node:stream';
import { decompressed } from '../../compression/compression.js';
import type { Descriptor } from '../../content/descriptor.js';
import { createDigester, type Digest } from '../../content/digest.js';
import { createVerifier } from '../../content/verify.js';
import { createTurns } from '../../in-turn.js';
import type { FileSink } from '../file-sink.js';
import type { OpenContent, PushOptions } from '../store.js';
import { writeGathered } from '../write-gathered.js';
import { layerPath } from './docker-archive-legacy.js';
import type { PartFile } from './part-file.js';
import type { TarAppender } from './tar-appender.js';

/**
 * The layers of a docker-archive that is being written. They are written in the order in which they were announced, and
 * decompressed meanwhile. The name of a layer is its diffID, so it is known only at the end.
 */
export class PlainLayers {
  readonly #file: FileSink;
  readonly #journal: PartFile['journal'];
  readonly #tar: TarAppender;
  readonly #byDigest = new Map<Digest, PlainLayer>();
  /** Makes layers that were not announced wait for each other; they are written at the end. */
  readonly #atTheEnd = createTurns<string>();
  /**
   * Resolves when all layers that were announced so far are written. Layers are written in order; each one waits for
   * the one before.
   */
  #queue: Promise<void> = Promise.resolve();
  readonly #turns = new Map<Digest, { ready: Promise<void>; done: () => void }>();

  constructor({ file, journal }: PartFile, tar: TarAppender) {
    this.#file = file;
    this.#journal = journal;
    this.#tar = tar;
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const turn = this.#turns.get(descriptor.digest);
    await abortable(turn?.ready, options.signal);
    await this.#atTheEnd('', () => this.#append(descriptor, open, options));
    turn?.done();
  }

  /** Returns a layer by the digest under which it was pushed. */
  get(digest: Digest): PlainLayer | undefined {
    return this.#byDigest.get(digest);
  }

  /** Declares which layers will be pushed; they are written in this order. */
  announce(layers: readonly Descriptor[]): void {
    for (const { digest } of layers) {
      if (this.#turns.has(digest)) continue;
      const ready = this.#queue;
      let done = (): void => undefined;
      this.#queue = new Promise((resolve) => {
        done = resolve;
      });
      this.#turns.set(digest, { ready, done });
    }
  }

  /** Declares that a layer will not be pushed, so that the next one does not wait for it. */
  abandon(digest: Digest): void {
    this.#turns.get(digest)?.done();
  }

  async #append(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const body = this.#tar.nextBody;
    const kept = this.#journal.kept({ descriptor, body });
    const { diffID, size } =
      kept > 0 ? await this.#hash(body, kept) : await this.#writePlain(descriptor, body, open, options);
    if (kept > 0) options.onBytes?.(descriptor.size, 'kept');
    const path = layerPath(diffID);
    this.#byDigest.set(descriptor.digest, { diffID, path, size: descriptor.size });
    // If two layers are compressed forms of the same one, the place of the second is used for the next layer.
    if (!(await this.#tar.addWritten(path, size))) return;
    await this.#journal.record({ descriptor, body }, size);
  }

  async #writePlain(
    descriptor: Descriptor,
    body: number,
    open: OpenContent,
    { signal, onBytes }: PushOptions,
  ): Promise<{ diffID: Digest; size: number }> {
    let reported = 0;
    async function* verified(source: Readable): AsyncIterable<Buffer> {
      const verifier = createVerifier(descriptor);
      for await (const chunk of source as AsyncIterable<Buffer>) {
        verifier.update(chunk);
        // A layer of several gzip members is opened twice, but its bytes count once.
        onBytes?.(Math.max(0, verifier.size - reported), 'fetched');
        reported = Math.max(reported, verifier.size);
        yield chunk;
      }
      verifier.finish();
    }
    const openVerified = async (): Promise<Readable> =>
      Readable.from(verified(await open({ signal })), { objectMode: false });
    const plain = await decompressed(openVerified, { signal, name: descriptor.digest });
    const digester = createDigester();
    let written = 0;
    const write = async (batch: Buffer[], bytes: number): Promise<void> => {
      await this.#file.write(batch, body + written);
      written += bytes;
    };
    const onChunk = (chunk: Buffer): void => digester.update(chunk);
    await writeGathered(plain as AsyncIterable<Buffer>, write, { onChunk });
    return { diffID: digester.digest(), size: digester.size };
  }

  async #hash(body: number, size: number): Promise<{ diffID: Digest; size: number }> {
    const digester = createDigester();
    for await (const chunk of this.#file.read(body, size)) digester.update(chunk);
    return { diffID: digester.digest(), size };
  }
}

/** A layer as it is stored in the archive: uncompressed, named by its diffID. */
interface PlainLayer {
  diffID: Digest;
  path: string;
  /** Size in bytes of the layer as it was pushed. */
  size: number;
}

async function abortable(promise: Promise<void> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (promise === undefined || signal === undefined) return promise;
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
