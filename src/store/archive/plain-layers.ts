import { Decompressor } from '../../compression/decompressor.js';
import type { Descriptor } from '../../content/descriptor.js';
import { createDigester, type Digest } from '../../content/digest.js';
import type { FileSink } from '../file-sink.js';
import type { OpenContent, PushOptions } from '../store.js';
import { layerPath } from './docker-archive-legacy.js';
import { LayerOrder, type Turn } from './layer-order.js';
import type { PartFile } from './part-file.js';
import { PlainContent } from './plain-content.js';
import type { TarAppender } from './tar-appender.js';

/**
 * The layers of a docker-archive that is being written. They lie in it in the order in which they were announced. The
 * name of a layer is its diffID, so it is known only at the end; several are decompressed at once where their places are
 * known before.
 */
export class PlainLayers {
  readonly #file: FileSink;
  readonly #journal: PartFile['journal'];
  readonly #tar: TarAppender;
  readonly #decompressor = new Decompressor();
  readonly #order: LayerOrder;
  readonly #byDigest = new Map<Digest, PlainLayer>();

  constructor({ file, journal }: PartFile, tar: TarAppender) {
    this.#file = file;
    this.#journal = journal;
    this.#tar = tar;
    this.#order = new LayerOrder(tar, this.#decompressor.atOnce);
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const { turn, isNew } = this.#order.turnOf(descriptor.digest);
    // The bytes of a layer count once, however often it is opened.
    const content = new PlainContent(descriptor, open, options, this.#decompressor);
    try {
      for (;;) {
        const body = await this.#order.begin(turn, options.signal);
        const layer = await this.#writeAhead(turn, body, content, options);
        if (layer === undefined || !(await this.#order.isNext(turn, options.signal))) continue;
        return await this.#settle(turn, descriptor, layer);
      }
    } catch (error) {
      // Nobody waits for a layer that was not announced.
      if (isNew) this.#order.remove(turn);
      throw error;
    }
  }

  /** Returns a layer by the digest under which it was pushed. */
  get(digest: Digest): PlainLayer | undefined {
    return this.#byDigest.get(digest);
  }

  /** Declares which layers will be pushed; they are written in this order. */
  announce(layers: readonly Descriptor[]): void {
    for (const { digest } of layers) if (!this.#byDigest.has(digest)) this.#order.turnOf(digest);
  }

  /** Declares that a layer will not be pushed, so that the next one does not wait for it. */
  abandon(digest: Digest): void {
    if (this.#byDigest.has(digest)) return;
    this.#order.remove(this.#order.turnOf(digest).turn);
  }

  async close(): Promise<void> {
    await this.#decompressor.close();
  }

  /** Writes a layer at its place; returns undefined if another one needed that place meanwhile. */
  async #writeAhead(
    turn: Turn,
    body: number,
    content: PlainContent,
    options: PushOptions,
  ): Promise<Written | undefined> {
    const writing = this.#write(turn, body, content, options);
    turn.writing = writing.catch(() => undefined);
    try {
      return await writing;
    } catch (error) {
      options.signal?.throwIfAborted();
      if (turn.body === undefined) return undefined;
      throw error;
    } finally {
      this.#order.end();
    }
  }

  async #write(turn: Turn, body: number, content: PlainContent, options: PushOptions): Promise<Written> {
    const kept = await this.#keptAt(body, content.descriptor);
    if (kept !== undefined) {
      this.#order.expect(turn, kept.size);
      options.onBytes?.(content.descriptor.size, 'kept');
      return kept;
    }
    const digester = createDigester();
    const isAsked = this.#order.hasFollowers(turn) && !turn.isOutgrown;
    const onExpected = (size: number): void => {
      if (digester.size <= size) this.#order.expect(turn, size);
    };
    const signal = AbortSignal.any([turn.discarding.signal, ...(options.signal ? [options.signal] : [])]);
    for await (const piece of content.pieces(signal, isAsked ? onExpected : undefined)) {
      if (digester.size + piece.byteLength > (turn.size ?? Number.POSITIVE_INFINITY))
        await this.#order.outgrow(turn);
      // A discarded layer must not write on, and a write is not left running.
      signal.throwIfAborted();
      const writing = this.#file.write([piece], body + digester.size);
      digester.update(piece);
      await writing;
    }
    const written = { diffID: digester.digest(), size: digester.size };
    this.#order.expect(turn, written.size);
    await this.#journal.record({ descriptor: content.descriptor, body }, written.size, written.diffID);
    return written;
  }

  /** Gives a layer whose turn has come its entry, and moves it there if it was written elsewhere. */
  async #settle(turn: Turn, descriptor: Descriptor, { diffID, size }: Written): Promise<void> {
    const body = this.#tar.nextBody;
    const path = layerPath(diffID);
    const isMoved = turn.body !== undefined && turn.body !== body;
    if (isMoved) await this.#move(turn.body ?? body, body, size);
    this.#byDigest.set(descriptor.digest, { diffID, path, size: descriptor.size });
    // If two layers are compressed forms of the same one, the place of the second is used for the next layer.
    const isNew = await this.#tar.addWritten(path, size);
    if (isNew && isMoved) await this.#journal.record({ descriptor, body }, size, diffID);
    this.#order.remove(turn);
  }

  /** Layers move only towards the start, so nothing is overwritten before it was read. */
  async #move(from: number, to: number, size: number): Promise<void> {
    let moved = 0;
    for await (const chunk of this.#file.read(from, size)) {
      await this.#file.write([chunk], to + moved);
      moved += chunk.byteLength;
    }
  }

  /** Returns what an earlier run wrote there, if it is what it was then. */
  async #keptAt(body: number, descriptor: Descriptor): Promise<Written | undefined> {
    const { written: size, diffID } = this.#journal.kept({ descriptor, body });
    if (diffID === undefined) return undefined;
    const digester = createDigester();
    for await (const chunk of this.#file.read(body, size)) digester.update(chunk);
    const found = digester.digest();
    return digester.size === size && found === diffID ? { diffID: found, size } : undefined;
  }
}

/** The plain form of a layer that was written. */
interface Written {
  diffID: Digest;
  size: number;
}

/** A layer as it is stored in the archive: uncompressed, named by its diffID. */
interface PlainLayer {
  diffID: Digest;
  path: string;
  /** Size in bytes of the layer as it was pushed. */
  size: number;
}
