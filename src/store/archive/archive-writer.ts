import { dirname } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { isImageConfig, isManifest } from '../../content/media-types.js';
import type { Platform } from '../../content/platform.js';
import { requireSpace, type SpaceOptions } from '../../disk/disk.js';
import type { LockOptions } from '../../disk/lock.js';
import { isLadingError, LadingError } from '../../errors.js';
import { MAX_CONFIG_BYTES } from '../../manifest/limits.js';
import { type Manifest, parseManifest } from '../../manifest/manifest.js';
import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../tar/write.js';
import { type Attached, attachedTag, attachedTo } from '../attached.js';
import {
  entryName,
  findEntry,
  formatLayoutIndex,
  LAYOUT_FILE,
  withAttachedEntry,
  withEntry,
} from '../layout/layout-index.js';
import { blobPath } from '../layout/layout-reader.js';
import { readVerified } from '../read-content.js';
import type {
  FetchOptions,
  OpenContent,
  PushOptions,
  Referrer,
  SignalOption,
  Store,
  Wanted,
} from '../store.js';
import { ContentWriter, type Sink } from '../write-content.js';
import { assignPlaces, blobHeader, directoryHeaders, type Place, placeAt } from './archive-places.js';
import { dockerHalf, unstatedPlatforms } from './docker-half.js';
import { type DockerManifestItem, dockerImageOf, type ManifestLookup } from './docker-manifest.js';
import { openPartFile } from './part-file.js';
import { createStreamSink } from './stream-sink.js';

export interface ArchiveOptions {
  /** `universal` is both an OCI layout and a docker-archive; `oci-archive` is only the layout. */
  format: 'universal' | 'oci-archive';
  /** The platform of an index that `manifest.json` names; default linux/amd64. */
  dockerPlatform?: Platform | undefined;
  /** Configs of the images that `manifest.json` named before; they are chosen again unless a platform is given. */
  dockerConfigs?: ReadonlySet<string> | undefined;
  /** Called with a message for images that Docker does not load. */
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * Opens an archive that becomes `path` when it is committed. Until then it is written to `PATH.part`, which a later run
 * can resume, however this one ended.
 */
export async function openArchiveForWriting(
  path: string,
  options: ArchiveOptions & LockOptions & SpaceOptions,
): Promise<Store> {
  const { file, journal, finish, close } = await openPartFile(path, options);
  return new ArchiveWriter(path, file, options, {
    kept: (place) => journal.kept(place),
    record: (place, written) => journal.record(place, written),
    reserve: async (bytes) =>
      requireSpace(dirname(path), { bytes: bytes - (await file.size()), largestFile: bytes }, options.statfs),
    finish,
    close,
  });
}

/** Creates an archive that is written to a stream from start to end; nothing can be changed afterwards. */
export function createArchiveStream(stream: Writable, options: ArchiveOptions): Store {
  return new ArchiveWriter('-', createStreamSink(stream), options, {
    kept: () => 0,
    record: async () => undefined,
    reserve: async () => undefined,
    finish: async () => undefined,
    close: async () => undefined,
  });
}

/** The differences between a file and a stream. */
interface Medium {
  /** Returns how many bytes of a place an earlier run left behind. */
  kept(place: Place): number;
  record(place: Place, written: number): Promise<void>;
  reserve(bytes: number): Promise<void>;
  finish(end: number): Promise<void>;
  close(): Promise<void>;
}

/** Content with its place, and its progress. */
interface Slot {
  place: Place;
  writer: ContentWriter;
  isHeaderWritten: boolean;
  isDone: boolean;
}

class ArchiveWriter implements Store {
  readonly location: string;
  readonly isLocal = true;
  readonly #sink: Sink;
  readonly #options: ArchiveOptions;
  readonly #medium: Medium;
  readonly #slots = new Map<Digest, Slot>();
  readonly #pushing = new Map<Digest, Promise<void>>();
  /** Manifests, kept in memory because the index and Docker's half are made from them at the end. */
  readonly #manifests = new Map<Digest, { descriptor: Descriptor; manifest: Manifest; bytes: Buffer }>();
  /** Configs of images, if they cannot be read back from the sink. */
  readonly #configs = new Map<Digest, Buffer>();
  #attached: Attached[] = [];
  /** True if some content that has a place will not be written. */
  #hasGaps = false;
  #entries: Descriptor[] = [];
  #directories: Buffer = Buffer.alloc(0);
  #end = 0;

  constructor(location: string, sink: Sink, options: ArchiveOptions, medium: Medium) {
    this.location = location;
    this.#sink = sink;
    this.#options = options;
    this.#medium = medium;
  }

  /** Assigns every piece of content its place in the tar, in this order. */
  async prepare(contents: readonly Descriptor[]): Promise<void> {
    if (this.#slots.size > 0) throw new Error('an archive is prepared once');
    this.#directories = await directoryHeaders(contents);
    for (const [digest, place] of await assignPlaces(contents, this.#directories.byteLength)) {
      this.#slots.set(digest, this.#slotAt(place));
      this.#end = place.end;
    }
    this.#end ||= this.#directories.byteLength;
    await this.#medium.reserve(this.#end);
    await this.#sink.write([this.#directories], 0);
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    const running = this.#pushing.get(descriptor.digest);
    if (running !== undefined) return running;
    const push = this.#push(descriptor, open, options).finally(() => this.#pushing.delete(descriptor.digest));
    this.#pushing.set(descriptor.digest, push);
    return push;
  }

  /** Returns the size of content that is complete; what an earlier run wrote is verified by its hash first. */
  async sizeOf({ digest }: Wanted, { signal }: SignalOption = {}): Promise<number | undefined> {
    const slot = this.#slots.get(digest);
    if (slot === undefined) return undefined;
    const { descriptor } = slot.place;
    if (slot.isDone) return descriptor.size;
    if (isManifest(descriptor.mediaType) || descriptor.size === 0 || slot.writer.written < descriptor.size)
      return undefined;
    try {
      await slot.writer.write(nothingToFetch, { signal });
    } catch (error) {
      if (isLadingError(error, 'DIGEST_MISMATCH', 'CUT_SHORT')) return undefined;
      throw error;
    }
    await this.#finishSlot(slot);
    return descriptor.size;
  }

  abandon({ digest }: Descriptor): void {
    if (this.#slots.delete(digest)) this.#hasGaps = true;
    this.#manifests.delete(digest);
    this.#entries = this.#entries.filter((entry) => entry.digest !== digest);
    this.#attached = this.#attached.filter(({ referrer }) => referrer.descriptor.digest !== digest);
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
    if (this.#slots.get(descriptor.digest)?.isDone !== true) throw notHeld(descriptor.digest);
    this.#entries = withEntry(this.#entries, descriptor, reference);
    const link = attachedTag(descriptor, reference);
    if (link !== undefined) this.#attached.push(link);
  }

  /** Writes the index and the other documents, ends the tar, and gives the file its final name. */
  async commit(): Promise<void> {
    if (this.#hasGaps || [...this.#slots.values()].some((slot) => !slot.isDone)) await this.#closeGaps();
    const documents = await this.#documents();
    const end = await this.#writeDocuments(documents, this.#end);
    await this.#sink.write([END_OF_ARCHIVE], end);
    await this.#medium.finish(end + END_OF_ARCHIVE.byteLength);
  }

  async resolve(reference: string): Promise<Descriptor> {
    const held = isDigest(reference) ? this.#manifests.get(reference) : undefined;
    return held?.descriptor ?? findEntry(this.#entries, reference, 'the archive');
  }

  async fetch({ digest }: Descriptor, { start = 0 }: FetchOptions = {}): Promise<Readable> {
    const held = this.#manifests.get(digest);
    if (held !== undefined) return Readable.from([held.bytes.subarray(start)], { objectMode: false });
    const slot = this.#slots.get(digest);
    if (slot === undefined || !slot.isDone) throw notHeld(digest);
    if (this.#sink.read === undefined)
      throw new LadingError('UNSUPPORTED', 'an archive that is streamed cannot be read back');
    const { body, descriptor } = slot.place;
    return Readable.from(copied(this.#sink.read(body + start, descriptor.size - start)), {
      objectMode: false,
    });
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    for (const descriptor of this.#entries) {
      const name = entryName(descriptor);
      if (name !== undefined) yield { name, descriptor };
    }
  }

  async *referrers({ digest }: Descriptor): AsyncIterable<Referrer> {
    for (const { subject, referrer } of this.#attached) if (subject === digest) yield referrer;
  }

  async close(): Promise<void> {
    await this.#medium.close();
  }

  #slotAt(place: Place): Slot {
    const writer = new ContentWriter(place.descriptor, this.#sink, place.body, {
      kept: this.#medium.kept(place),
      onWritten: (written) => this.#medium.record(place, written),
    });
    return { place, writer, isHeaderWritten: false, isDone: false };
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const slot = this.#slots.get(descriptor.digest) ?? (await this.#appendSlot(descriptor));
    if (slot.isDone) return;
    if (isManifest(descriptor.mediaType)) await this.#pushManifest(slot, descriptor, open, options);
    else await this.#pushBlob(slot, open, options);
    await this.#finishSlot(slot);
  }

  /** Places content that was not announced behind everything else. */
  async #appendSlot(descriptor: Descriptor): Promise<Slot> {
    const header = await blobHeader(descriptor);
    // There must be no await from here on: concurrent pushes must not get the same place.
    const place = placeAt(this.#end, descriptor, header);
    this.#end = place.end;
    const slot = this.#slotAt(place);
    this.#slots.set(descriptor.digest, slot);
    return slot;
  }

  async #pushBlob(slot: Slot, open: OpenContent, options: PushOptions): Promise<void> {
    await this.#writeHeader(slot, options.signal);
    const { descriptor } = slot.place;
    const isKept = this.#sink.read === undefined && isImageConfig(descriptor.mediaType);
    if (!isKept || descriptor.size > MAX_CONFIG_BYTES) return slot.writer.write(open, options);
    const bytes = await readVerified(descriptor, open, options);
    this.#configs.set(descriptor.digest, bytes);
    await slot.writer.write(async () => Readable.from([bytes], { objectMode: false }), options);
  }

  async #pushManifest(
    slot: Slot,
    descriptor: Descriptor,
    open: OpenContent,
    options: PushOptions,
  ): Promise<void> {
    const bytes = await readVerified(descriptor, open, options);
    const manifest = parseManifest(bytes, descriptor);
    await this.#writeHeader(slot, options.signal);
    await this.#sink.write([bytes], slot.place.body, options.signal);
    options.onBytes?.(bytes.byteLength, 'fetched');
    this.#manifests.set(descriptor.digest, { descriptor, manifest, bytes });
    const link = attachedTo(descriptor, manifest);
    if (link === undefined) return;
    this.#attached.push(link);
    this.#entries = withAttachedEntry(this.#entries, descriptor, link.subject);
  }

  async #writeHeader(slot: Slot, signal: AbortSignal | undefined): Promise<void> {
    if (slot.isHeaderWritten) return;
    await this.#sink.write([slot.place.header], slot.place.position, signal);
    slot.isHeaderWritten = true;
  }

  async #finishSlot(slot: Slot): Promise<void> {
    const { body, descriptor, end } = slot.place;
    await this.#writeHeader(slot, undefined);
    const padding = body + descriptor.size;
    if (padding < end) await this.#sink.write([Buffer.alloc(end - padding)], padding);
    slot.isDone = true;
  }

  /**
   * Moves complete content over the places of what failed, so that the archive looks as if that had never been
   * requested.
   */
  async #closeGaps(): Promise<void> {
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

  async #writeDocuments(
    documents: readonly (readonly [path: string, bytes: Buffer])[],
    start: number,
  ): Promise<number> {
    let position = start;
    for (const [path, bytes] of documents) {
      const file = [
        await tarHeader({ path, size: bytes.byteLength, mode: 0o644 }),
        bytes,
        Buffer.alloc(paddingAfter(bytes.byteLength)),
      ];
      await this.#sink.write(file, position);
      position += file.reduce((sum, { byteLength }) => sum + byteLength, 0);
    }
    return position;
  }

  async #documents(): Promise<[path: string, bytes: Buffer][]> {
    const items = this.#options.format === 'universal' ? await this.#dockerItems() : [];
    return [
      ['index.json', formatLayoutIndex(this.#entries)],
      ...(items.length > 0
        ? [['manifest.json', Buffer.from(`${JSON.stringify(items)}\n`)] satisfies [string, Buffer]]
        : []),
      ['oci-layout', LAYOUT_FILE],
    ];
  }

  async #dockerItems(): Promise<DockerManifestItem[]> {
    const isHeld = ({ digest }: Descriptor): boolean => this.#slots.get(digest)?.isDone === true;
    const manifestOf: ManifestLookup = ({ digest }) => this.#manifests.get(digest)?.manifest;
    const { dockerPlatform: platform, dockerConfigs } = this.#options;
    const configOf = async (config: Descriptor) => (isHeld(config) ? this.#configOf(config) : undefined);
    const manifests = [...this.#manifests.values()].map(({ manifest }) => manifest);
    const platforms = await unstatedPlatforms(manifests, manifestOf, configOf);
    const { items, warnings } = await dockerHalf(this.#entries, {
      imageOf: (entry) =>
        dockerImageOf(entry, manifestOf, {
          platform,
          isHeld,
          platformOf: ({ config }) => platforms.get(config.digest),
          wasNamed: ({ config }) => dockerConfigs?.has(config.digest) === true,
        }),
      configOf,
      pathOf: ({ digest }) => blobPath(digest),
      isHeld,
      areLayersPlain: false,
      isAlone: false,
    });
    for (const warning of warnings) this.#options.onWarning?.(warning);
    return items;
  }

  /** Returns the bytes of a config. Those of a stream are in memory, because it cannot be read back. */
  async #configOf(config: Descriptor): Promise<Buffer | undefined> {
    const kept = this.#configs.get(config.digest);
    if (kept !== undefined || config.size > MAX_CONFIG_BYTES) return kept;
    const chunks: Buffer[] = [];
    for await (const chunk of (await this.fetch(config)) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}

async function nothingToFetch(): Promise<Readable> {
  return Readable.from([], { objectMode: false });
}

/** Copies each chunk: the sink's reader reuses its buffer, but the consumer of a stream may hold on to it. */
async function* copied(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

function notHeld(digest: Digest): LadingError {
  return new LadingError('NOT_FOUND', `the archive does not hold ${digest}`);
}
