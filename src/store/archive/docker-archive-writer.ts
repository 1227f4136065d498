import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { requireSpace, type SpaceOptions, type StatFS } from '../../disk/disk.js';
import type { LockOptions } from '../../disk/lock.js';
import { makeTemporaryFolder } from '../../disk/temporary-folder.js';
import { type Advice, ContentError, LadingError } from '../../errors.js';
import { createTurns } from '../../in-turn.js';
import { parseConfig } from '../../manifest/config.js';
import {
  type ImageManifest,
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
} from '../../manifest/manifest.js';
import type { FileSink } from '../file-sink.js';
import { findEntry, namedEntries, withEntry } from '../layout/layout-index.js';
import { readVerified } from '../read-content.js';
import type { FetchOptions, OpenContent, PushOptions, Referrer, Store } from '../store.js';
import { has, type Wanted } from '../store.js';
import { legacyFolders, repositoriesOf } from './docker-archive-legacy.js';
import { dockerHalf } from './docker-half.js';
import { openPartFile, type PartFile } from './part-file.js';
import { PlainLayers } from './plain-layers.js';
import { streamError } from './stream-sink.js';
import { TarAppender } from './tar-appender.js';

export interface DockerArchiveOptions extends LockOptions, SpaceOptions {
  /** Also write `repositories` and a folder for each layer, for Docker before 1.10; default false. */
  legacy?: boolean | undefined;
  /** Called with a message for images that Docker does not load. */
  onWarning?: ((message: string) => void) | undefined;
}

/**
 * Opens a docker-archive with uncompressed layers, for Docker of any version: `<diffID>.tar`, `<config>.json`,
 * `manifest.json`. It is written to `PATH.part` and becomes `path` when it is committed. It accepts only single images,
 * because the format has no place for an index. (moby, image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset
 * Format")
 */
export async function openDockerArchiveForWriting(
  path: string,
  options: DockerArchiveOptions = {},
): Promise<Store> {
  return new DockerArchiveWriter(path, await openPartFile(path, options), options);
}

/**
 * Creates such an archive in a stream. A tar states the size of a layer before its content, and that size is known only
 * after decompression, so the archive is first made in a temporary directory: in `directory`, by default the system's.
 */
export async function createDockerArchiveStream(
  stream: Writable,
  { directory, ...options }: DockerArchiveOptions & { directory?: string | undefined } = {},
): Promise<Store> {
  const folder = await makeTemporaryFolder(directory);
  const path = join(folder.path, 'archive.tar');
  const store = await openDockerArchiveForWriting(path, options).catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });
  const commit = store.commit?.bind(store);
  const close = store.close.bind(store);
  return Object.assign(store, {
    async commit(): Promise<void> {
      await commit?.();
      try {
        await pipeline(createReadStream(path), stream, { end: false });
      } catch (error) {
        throw streamError(error);
      }
    },
    async close(): Promise<void> {
      await close().finally(folder.remove);
    },
  });
}

class DockerArchiveWriter implements Store {
  readonly location: string;
  readonly isLocal = true;
  readonly #part: PartFile;
  readonly #file: FileSink;
  readonly #tar: TarAppender;
  readonly #isLegacy: boolean;
  readonly #onWarning: DockerArchiveOptions['onWarning'];
  readonly #statfs: StatFS | undefined;
  readonly #layers: PlainLayers;
  /** Configs and manifests, from which the archive's other documents are made at the end. */
  readonly #documents = new Map<Digest, { descriptor: Descriptor; bytes: Buffer; manifest?: Manifest }>();
  readonly #inTurn = createTurns<Digest>();
  #entries: Descriptor[] = [];

  constructor(path: string, part: PartFile, { legacy = false, statfs, onWarning }: DockerArchiveOptions) {
    this.#isLegacy = legacy;
    this.#onWarning = onWarning;
    this.#statfs = statfs;
    this.location = path;
    this.#part = part;
    this.#file = part.file;
    this.#tar = new TarAppender(part.file, { mode: 0o444 });
    this.#layers = new PlainLayers(part, this.#tar);
  }

  async prepare(contents: readonly Descriptor[]): Promise<void> {
    // Uncompressed layers need more than the known sizes, so this check is a lower bound.
    const largestFile = contents.reduce((sum, { size }) => sum + size, 0);
    const bytes = largestFile - (await this.#file.size());
    await requireSpace(dirname(this.#file.path), { bytes, largestFile }, this.#statfs);
    this.#layers.announce(contents.filter(isLayer));
  }

  /** Returns the size of content. For a layer, which is stored uncompressed, it is the size that was pushed. */
  async sizeOf({ digest }: Wanted): Promise<number | undefined> {
    return this.#layers.get(digest)?.size ?? this.#documents.get(digest)?.descriptor.size;
  }

  push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    return this.#inTurn(descriptor.digest, () => this.#push(descriptor, open, options));
  }

  async #push(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    if (await has(this, descriptor)) return;
    if (isLayer(descriptor)) await this.#layers.push(descriptor, open, options);
    else await this.#pushDocument(descriptor, open, options);
  }

  abandon({ digest }: Descriptor): void {
    this.#layers.abandon(digest);
  }

  async tag(descriptor: Descriptor, reference: string): Promise<void> {
    this.#imageOf(descriptor);
    this.#entries = withEntry(this.#entries, descriptor, reference);
  }

  async commit(): Promise<void> {
    const { items, warnings } = await dockerHalf(this.#entries, {
      imageOf: (entry) => this.#imageOf(entry),
      configOf: async (config) => this.#document(config).bytes,
      pathOf: (descriptor) => this.#layers.get(descriptor.digest)?.path ?? configPath(descriptor),
      isHeld: (layer) => this.#layers.get(layer.digest) !== undefined,
      areLayersPlain: true,
      isAlone: true,
    });
    for (const warning of warnings) this.#onWarning?.(warning);
    for (const config of this.#configs())
      await this.#tar.addFile(configPath(config), this.#document(config).bytes);
    const topIDs = this.#isLegacy ? await this.#writeLegacyFolders() : new Map<string, string>();
    await this.#tar.addFile('manifest.json', Buffer.from(`${JSON.stringify(items)}\n`));
    if (this.#isLegacy) await this.#tar.addFile('repositories', repositoriesOf(items, topIDs));
    await this.#part.finish(await this.#tar.finish());
  }

  /** Writes the folders, and returns the folder of each image's top layer by the path of its config. */
  async #writeLegacyFolders(): Promise<Map<string, string>> {
    const topIDs = new Map<string, string>();
    for (const config of this.#configs()) {
      const { entries, topID } = legacyFolders(this.#document(config).bytes, config.digest);
      for (const entry of entries) {
        if ('bytes' in entry) await this.#tar.addFile(entry.path, entry.bytes);
        else await this.#tar.addLink(entry.path, entry.linkTarget);
      }
      topIDs.set(configPath(config), topID);
    }
    return topIDs;
  }

  /** Returns the configs, sorted by digest: the order of the entries is the order in which images were requested. */
  #configs(): Descriptor[] {
    const configs = this.#entries.map((entry) => this.#imageOf(entry).config);
    return configs.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  }

  async resolve(reference: string): Promise<Descriptor> {
    const held = isDigest(reference) ? this.#documents.get(reference)?.descriptor : undefined;
    return held ?? findEntry(this.#entries, reference, this.location);
  }

  async fetch(descriptor: Descriptor, { start = 0 }: FetchOptions = {}): Promise<Readable> {
    if (this.#layers.get(descriptor.digest) !== undefined)
      throw new LadingError(
        'UNSUPPORTED',
        'a layer of a docker-archive cannot be read back as it was pushed',
      );
    return Readable.from([this.#document(descriptor).bytes.subarray(start)], { objectMode: false });
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    yield* namedEntries(this.#entries);
  }

  async *referrers(): AsyncIterable<Referrer> {}

  async close(): Promise<void> {
    await this.#layers.close();
    await this.#part.close();
  }

  async #pushDocument(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    if (descriptor.size > MAX_MANIFEST_BYTES)
      throw new ContentError('TOO_LARGE', `${descriptor.digest} is too large for a document`);
    const bytes = await readVerified(descriptor, open, options);
    const manifest = isManifest(descriptor.mediaType) ? parseManifest(bytes, descriptor) : undefined;
    if (manifest !== undefined) this.#checkLayers(descriptor, manifest);
    this.#documents.set(descriptor.digest, { descriptor, bytes, ...(manifest && { manifest }) });
    options.onBytes?.(bytes.byteLength, 'fetched');
  }

  /** Checks that the layers that were written are those of the config. (image-spec, config.md, "rootfs") */
  #checkLayers(descriptor: Descriptor, manifest: Manifest): void {
    if (!('layers' in manifest)) {
      throw new LadingError(
        'UNSUPPORTED',
        `${descriptor.digest} (${descriptor.mediaType}) cannot be stored in a docker-archive`,
        {
          hint: 'The format universal keeps every kind of image.',
          remedy: 'format',
          remedyFor: 'universal',
        },
      );
    }
    const { diff_ids: diffIDs } = parseConfig(
      this.#document(manifest.config).bytes,
      manifest.config.digest,
    ).rootfs;
    // Fail now rather than after all layers are written: an image without layers has no such form.
    if (this.#isLegacy) legacyFolders(this.#document(manifest.config).bytes, manifest.config.digest);
    requireDiffIDs(descriptor, diffIDs, manifest.layers.length);
    for (const [index, layer] of manifest.layers.entries()) {
      const actual = this.#layers.get(layer.digest)?.diffID;
      if (actual === diffIDs[index]) continue;
      throw new ContentError(
        'DIGEST_MISMATCH',
        `layer ${layer.digest} has diffID ${actual}, its config says ${diffIDs[index]}`,
        {
          hint: `The image is damaged at its source, or ${this.#file.path} is: remove that file and run the command again.`,
        },
      );
    }
  }

  #imageOf(descriptor: Descriptor): ImageManifest {
    const { manifest } = this.#document(descriptor);
    if (manifest === undefined || !('layers' in manifest))
      throw new Error(`${descriptor.digest} was taken without being an image`);
    return manifest;
  }

  #document({ digest }: { digest: Digest }): { descriptor: Descriptor; bytes: Buffer; manifest?: Manifest } {
    const document = this.#documents.get(digest);
    if (document === undefined)
      throw new LadingError('NOT_FOUND', `${this.location} does not hold ${digest}`);
    return document;
  }
}

/** Checks that the config has a diffID for each layer: an uncompressed layer is verified by nothing else. */
function requireDiffIDs({ digest }: Descriptor, diffIDs: readonly Digest[], layers: number): void {
  const advice: Advice = {
    hint: 'The format universal keeps the image as it is.',
    remedy: 'format',
    remedyFor: 'universal',
  };
  if (diffIDs.length !== layers)
    throw new ContentError(
      'INVALID_MANIFEST',
      `${digest} has ${layers} layers, and its config diffIDs of ${diffIDs.length}: a docker-archive needs all`,
      advice,
    );
  const other = diffIDs.find((diffID) => algorithmOf(diffID) !== 'sha256');
  if (other !== undefined)
    throw new ContentError(
      'UNSUPPORTED',
      `the config of ${digest} has the diffID ${other}: Docker knows only sha256`,
      advice,
    );
}

/** In an image, everything except manifests and configs is a layer. */
function isLayer({ mediaType }: Descriptor): boolean {
  return !isManifest(mediaType) && !/config|container\.image\.v1\+json/.test(mediaType);
}

function configPath({ digest }: Descriptor): string {
  return `${encodedOf(digest)}.json`;
}
