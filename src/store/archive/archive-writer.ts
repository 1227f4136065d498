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
import { type Attached, attachedTag, attachedTo } from '../attached.js';
import {
  findEntry,
  formatLayoutIndex,
  LAYOUT_FILE,
  namedEntries,
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
import type { Sink } from '../write-content.js';
import { ArchiveSlots, type Slot, type SlotMedium } from './archive-slots.js';
import { dockerHalf, unstatedPlatforms } from './docker-half.js';
import { type DockerManifestItem, dockerImageOf, type ManifestLookup } from './docker-manifest.js';
import { openPartFile } from './part-file.js';
import { createStreamSink } from './stream-sink.js';
import { TarAppender } from './tar-appender.js';

export interface ArchiveOptions {
  /** `universal` is both an OCI layout and a docker-archive; `oci-archive` is only the layout. */
  format: 'universal' | 'oci-archive';
  /** The platform of an index that `manifest.json` names; default linux/amd64. */
  dockerPlatform?: Platform | undefined;
  /** Configs of the images that `manifest.json` named before; they are chosen again unless a platform is given. */
  dockerConfigs?: ReadonlySet<string> | undefined;
  /** Called with a message for images that Docker does not load. */
  onWarning?: ((message: string) => void) | undefined;
  /** Reads a config that was not written; for archives that are only measured. */
  readConfig?: ((config: Descriptor) => Promise<Buffer>) | undefined;
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
    kept: (place) => journal.kept(place).written,
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

/** What an archive is measured by. */
export interface ArchiveContents {
  blobs: readonly Descriptor[];
  /** Each with its bytes, children before parents. */
  manifests: readonly { descriptor: Descriptor; bytes: Buffer }[];
  names: readonly NamedDescriptor[];
}

/**
 * Returns the size in bytes of the archive that would be written. It is the writer that says it; only bytes go nowhere, and
 * blobs are taken for written.
 */
export async function measureArchive(
  { blobs, manifests, names }: ArchiveContents,
  options: ArchiveOptions,
): Promise<number> {
  let size = 0;
  const writer = new ArchiveWriter('-', { write: async () => undefined }, options, {
    kept: () => 0,
    record: async () => undefined,
    reserve: async () => undefined,
    finish: async (end) => {
      size = end;
    },
    close: async () => undefined,
  });
  await writer.prepare([...blobs, ...manifests.map(({ descriptor }) => descriptor)]);
  for (const blob of blobs) writer.takeForWritten(blob);
  for (const { descriptor, bytes } of manifests)
    await writer.push(descriptor, async () => Readable.from([bytes], { objectMode: false }));
  for (const { name, descriptor } of names) await writer.tag(descriptor, name);
  await writer.commit();
  return size;
}

/** The differences between a file and a stream. */
interface Medium extends SlotMedium {
  finish(end: number): Promise<void>;
  close(): Promise<void>;
}

class ArchiveWriter implements Store {
  readonly location: string;
  readonly isLocal = true;
  readonly #sink: Sink;
  readonly #options: ArchiveOptions;
  readonly #medium: Medium;
  readonly #slots: ArchiveSlots;
  readonly #pushing = new Map<Digest, Promise<void>>();
  /** Manifests, kept in memory because the index and Docker's half are made from them at the end. */
  readonly #manifests = new Map<Digest, { descriptor: Descriptor; manifest: Manifest }>();
  /** Manifests and configs of images, if they cannot be read back from the sink. */
  readonly #documentBytes = new Map<Digest, Buffer>();
  #attached: Attached[] = [];
  #entries: Descriptor[] = [];

  constructor(location: string, sink: Sink, options: ArchiveOptions, medium: Medium) {
    this.location = location;
    this.#sink = sink;
    this.#options = options;
    this.#medium = medium;
    this.#slots = new ArchiveSlots(sink, medium);
  }

  prepare(contents: readonly Descriptor[]): Promise<void> {
    return this.#slots.prepare(contents);
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
    await slot.finish();
    return descriptor.size;
  }

  /** Takes a blob for written, in an archive that is only measured. */
  takeForWritten({ digest }: Descriptor): void {
    const slot = this.#slots.get(digest);
    if (slot !== undefined) slot.isDone = true;
  }

  abandon({ digest }: Descriptor): void {
    this.#slots.abandon(digest);
    this.#manifests.delete(digest);
    this.#documentBytes.delete(digest);
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
    await this.#slots.closeGaps();
    const documents = await this.#documents();
    const tar = new TarAppender(this.#sink, { start: this.#slots.end, mode: 0o644 });
    for (const [path, bytes] of documents) await tar.addFile(path, bytes);
    await this.#medium.finish(await tar.finish());
  }

  async resolve(reference: string): Promise<Descriptor> {
    const held = isDigest(reference) ? this.#manifests.get(reference) : undefined;
    return held?.descriptor ?? findEntry(this.#entries, reference, 'the archive');
  }

  async fetch({ digest }: Descriptor, { start = 0 }: FetchOptions = {}): Promise<Readable> {
    const held = this.#documentBytes.get(digest);
    if (held !== undefined) return Readable.from([held.subarray(start)], { objectMode: false });
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
    yield* namedEntries(this.#entries);
  }

  async *referrers({ digest }: Descriptor): AsyncIterable<Referrer> {
    for (const { subject, referrer } of this.#attached) if (subject === digest) yield referrer;
  }

  async close(): Promise<void> {
    await this.#medium.close();
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const slot = this.#slots.get(descriptor.digest) ?? (await this.#slots.append(descriptor));
    if (slot.isDone) return;
    if (isManifest(descriptor.mediaType)) await this.#pushManifest(slot, descriptor, open, options);
    else await this.#pushBlob(slot, open, options);
    await slot.finish();
  }

  async #pushBlob(slot: Slot, open: OpenContent, options: PushOptions): Promise<void> {
    await slot.writeHeader(options.signal);
    const { descriptor } = slot.place;
    const isKept = this.#sink.read === undefined && isImageConfig(descriptor.mediaType);
    if (!isKept || descriptor.size > MAX_CONFIG_BYTES) return slot.writer.write(open, options);
    const bytes = await readVerified(descriptor, open, options);
    this.#documentBytes.set(descriptor.digest, bytes);
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
    await slot.writeHeader(options.signal);
    await this.#sink.write([bytes], slot.place.body, options.signal);
    options.onBytes?.(bytes.byteLength, 'fetched');
    this.#manifests.set(descriptor.digest, { descriptor, manifest });
    if (this.#sink.read === undefined) this.#documentBytes.set(descriptor.digest, bytes);
    const link = attachedTo(descriptor, manifest);
    if (link === undefined) return;
    this.#attached.push(link);
    this.#entries = withAttachedEntry(this.#entries, descriptor, link.subject);
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
    const kept = this.#documentBytes.get(config.digest);
    if (kept !== undefined || config.size > MAX_CONFIG_BYTES) return kept;
    if (this.#options.readConfig !== undefined) return this.#options.readConfig(config);
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
