import type { Descriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { LadingError } from '../../errors.js';
import { ContentWriter, type Sink } from '../write-content.js';
import { assignPlaces, blobHeader, directoryHeaders, type Place, placeAt } from './archive-places.js';

/** How slots find out what an earlier run wrote, and reserve disk space. */
export interface SlotMedium {
  /** Returns how many bytes of a place an earlier run left behind. */
  kept(place: Place): number;
  record(place: Place, written: number): Promise<void>;
  reserve(bytes: number): Promise<void>;
}

/** The contents of an archive that is being written, each with its place. */
export class ArchiveSlots {
  readonly #sink: Sink;
  readonly #medium: SlotMedium;
  readonly #slots = new Map<Digest, Slot>();
  /** True if some content that has a place will not be written. */
  #hasGaps = false;
  #end = 0;

  constructor(sink: Sink, medium: SlotMedium) {
    this.#sink = sink;
    this.#medium = medium;
  }

  get(digest: Digest): Slot | undefined {
    return this.#slots.get(digest);
  }

  /** Position after all contents, where the final documents start. */
  get end(): number {
    return this.#end;
  }

  /** Assigns every piece of content its place in the tar, in this order. */
  async prepare(contents: readonly Descriptor[]): Promise<void> {
    if (this.#slots.size > 0) throw new Error('an archive is prepared once');
    const directories = await directoryHeaders(contents);
    for (const [digest, place] of await assignPlaces(contents, directories.byteLength)) {
      this.#slots.set(digest, this.#slotAt(place));
      this.#end = place.end;
    }
    this.#end ||= directories.byteLength;
    await this.#medium.reserve(this.#end);
    await this.#sink.write([directories], 0);
  }

  /** Places content that was not announced behind everything else. */
  async append(descriptor: Descriptor): Promise<Slot> {
    const header = await blobHeader(descriptor);
    // There must be no await from here on: concurrent pushes must not get the same place.
    const place = placeAt(this.#end, descriptor, header);
    this.#end = place.end;
    const slot = this.#slotAt(place);
    this.#slots.set(descriptor.digest, slot);
    return slot;
  }

  /** Declares that content will not be written. */
  abandon(digest: Digest): void {
    if (this.#slots.delete(digest)) this.#hasGaps = true;
  }

  /**
   * Moves complete content over the places of what failed, so that the archive looks as if that had never been
   * requested.
   */
  async closeGaps(): Promise<void> {
    if (!this.#hasGaps && [...this.#slots.values()].every((slot) => slot.isDone)) return;
    const { read } = this.#sink;
    if (read === undefined)
      throw new LadingError('UNSUPPORTED', 'an archive that is streamed cannot leave anything out');
    const done = [...this.#slots.values()].filter((slot) => slot.isDone);
    const directories = await directoryHeaders(done.map(({ place }) => place.descriptor));
    const places = await assignPlaces(
      done.map(({ place }) => place.descriptor),
      directories.byteLength,
    );
    await this.#sink.write([directories], 0);
    this.#end = directories.byteLength;
    for (const slot of done) {
      const place = places.get(slot.place.descriptor.digest);
      if (place === undefined) throw new Error('every content has a place');
      await this.#sink.write([place.header], place.position);
      // Places only move towards the start, so nothing is overwritten before it was read.
      let position = place.body;
      const from = slot.place.body;
      if (position !== from) {
        for await (const chunk of read(from, place.end - place.body)) {
          await this.#sink.write([chunk], position);
          position += chunk.byteLength;
        }
      }
      slot.place = place;
      this.#end = place.end;
    }
  }

  #slotAt(place: Place): Slot {
    const writer = new ContentWriter(place.descriptor, this.#sink, place.body, {
      kept: this.#medium.kept(place),
      onWritten: (written) => this.#medium.record(place, written),
    });
    return new Slot(place, writer, this.#sink);
  }
}

const NOTHING = Buffer.alloc(0);

/** Content with its place, and its progress. */
export class Slot {
  isDone = false;
  #isHeaderWritten = false;

  constructor(
    public place: Place,
    readonly writer: ContentWriter,
    private readonly sink: Sink,
  ) {}

  async writeHeader(signal: AbortSignal | undefined): Promise<void> {
    if (this.#isHeaderWritten) return;
    await this.sink.write([this.place.header], this.place.position, signal);
    this.#isHeaderWritten = true;
    this.place.header = NOTHING;
  }

  /** Writes the header and the padding of content that is complete. */
  async finish(): Promise<void> {
    const { body, descriptor, end } = this.place;
    await this.writeHeader(undefined);
    const padding = body + descriptor.size;
    if (padding < end) await this.sink.write([Buffer.alloc(end - padding)], padding);
    this.isDone = true;
  }
}
