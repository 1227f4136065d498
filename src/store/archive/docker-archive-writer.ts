import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompressed } from '../../compression/compression.js';
import type { Descriptor, NamedDescriptor } from '../../content/descriptor.js';
import { algorithmOf, createDigester, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import { isManifest } from '../../content/media-types.js';
import { createVerifier } from '../../content/verify.js';
import { requireSpace, type SpaceOptions, type StatFS } from '../../disk/disk.js';
import type { LockOptions } from '../../disk/lock.js';
import { makeTemporaryFolder } from '../../disk/temporary-folder.js';
import { type Advice, ContentError, LadingError } from '../../errors.js';
import { parseConfig } from '../../manifest/config.js';
import {
  type ImageManifest,
  MAX_MANIFEST_BYTES,
  type Manifest,
  parseManifest,
} from '../../manifest/manifest.js';
import { END_OF_ARCHIVE, paddingAfter, tarHeader } from '../../tar/write.js';
import type { FileSink } from '../file-sink.js';
import { entryName, findEntry, withEntry } from '../layout/layout-index.js';
import { readVerified } from '../read-content.js';
import type { FetchOptions, OpenContent, PushOptions, Referrer, Store } from '../store.js';
import { has, type Wanted } from '../store.js';
import { layerPath, legacyFolders, repositoriesOf } from './docker-archive-legacy.js';
import { dockerHalf } from './docker-half.js';
import { openPartFile, type PartFile } from './part-file.js';
import { streamError } from './stream-sink.js';

/** A layer as it is stored in the archive: uncompressed, named by its diffID. */
interface PlainLayer {
  diffID: Digest;
  path: string;
}

export interface DockerArchiveOptions extends LockOptions, SpaceOptions {
  /** Also write `repositories` and a folder for each layer, for Docker before 1.10; default false. */
  legacy?: boolean | undefined;
  /** Called with a message for images that Docker does not load. */
  onWarning?: ((message: string) => void) | undefined;
}

const BATCH_BYTES = 1024 * 1024;

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
 * after decompression, so the archive is first made in a temporary directory.
 */
export async function createDockerArchiveStream(
  stream: Writable,
  options: DockerArchiveOptions = {},
): Promise<Store> {
  const folder = await makeTemporaryFolder();
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
  readonly #isLegacy: boolean;
  readonly #onWarning: DockerArchiveOptions['onWarning'];
  readonly #statfs: StatFS | undefined;
  readonly #layers = new Map<Digest, PlainLayer>();
  /** Configs and manifests, from which the archive's other documents are made at the end. */
  readonly #documents = new Map<Digest, { descriptor: Descriptor; bytes: Buffer; manifest?: Manifest }>();
  readonly #written = new Set<string>();
  /**
   * Resolves when all layers that were announced so far are written. Layers are written in order; each one waits for
   * the one before.
   */
  #queue: Promise<void> = Promise.resolve();
  readonly #turns = new Map<Digest, { ready: Promise<void>; done: () => void }>();
  #entries: Descriptor[] = [];
  #end = 0;

  constructor(path: string, part: PartFile, { legacy = false, statfs, onWarning }: DockerArchiveOptions) {
    this.#isLegacy = legacy;
    this.#onWarning = onWarning;
    this.#statfs = statfs;
    this.location = path;
    this.#part = part;
    this.#file = part.file;
  }

  async prepare(contents: readonly Descriptor[]): Promise<void> {
    // Uncompressed layers need more than the known sizes, so this check is a lower bound.
    const largestFile = contents.reduce((sum, { size }) => sum + size, 0);
    const bytes = largestFile - (await this.#file.size());
    await requireSpace(dirname(this.#file.path), { bytes, largestFile }, this.#statfs);
    for (const { digest } of contents.filter(isLayer)) {
      if (this.#turns.has(digest)) continue;
      const ready = this.#queue;
      let done = (): void => undefined;
      this.#queue = new Promise((resolve) => {
        done = resolve;
      });
      this.#turns.set(digest, { ready, done });
    }
  }

  /** Returns the size of content. For a layer, which is stored uncompressed, it is the size that was pushed. */
  async sizeOf({ digest, size }: Wanted): Promise<number | undefined> {
    return this.#layers.has(digest) ? size : this.#documents.get(digest)?.descriptor.size;
  }

  async push(descriptor: Descriptor, open: OpenContent, options: PushOptions = {}): Promise<void> {
    if (await has(this, descriptor)) return;
    if (!isLayer(descriptor)) return this.#pushDocument(descriptor, open, options);
    const turn = this.#turns.get(descriptor.digest);
    await abortable(turn?.ready, options.signal);
    await this.#pushLayer(descriptor, open, options);
    turn?.done();
  }

  abandon({ digest }: Descriptor): void {
    this.#turns.get(digest)?.done();
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
      isHeld: (layer) => this.#layers.has(layer.digest),
      areLayersPlain: true,
      isAlone: true,
    });
    for (const warning of warnings) this.#onWarning?.(warning);
    for (const config of this.#configs())
      await this.#writeFile(configPath(config), this.#document(config).bytes);
    const topIDs = this.#isLegacy ? await this.#writeLegacyFolders() : new Map<string, string>();
    await this.#writeFile('manifest.json', Buffer.from(`${JSON.stringify(items)}\n`));
    if (this.#isLegacy) await this.#writeFile('repositories', repositoriesOf(items, topIDs));
    await this.#file.write([END_OF_ARCHIVE], this.#end);
    await this.#part.finish(this.#end + END_OF_ARCHIVE.byteLength);
  }

  /** Writes the folders, and returns the folder of each image's top layer by the path of its config. */
  async #writeLegacyFolders(): Promise<Map<string, string>> {
    const topIDs = new Map<string, string>();
    for (const config of this.#configs()) {
      const { entries, topID } = legacyFolders(this.#document(config).bytes, config.digest);
      for (const entry of entries) {
        if ('bytes' in entry) await this.#writeFile(entry.path, entry.bytes);
        else await this.#writeLink(entry.path, entry.linkTarget);
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
    return Readable.from([this.#document(descriptor).bytes.subarray(start)], { objectMode: false });
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    for (const descriptor of this.#entries) {
      const name = entryName(descriptor);
      if (name !== undefined) yield { name, descriptor };
    }
  }

  async *referrers(): AsyncIterable<Referrer> {}

  async close(): Promise<void> {
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
        `${descriptor.digest} (${descriptor.mediaType}) has no place in a docker-archive`,
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

  async #pushLayer(descriptor: Descriptor, open: OpenContent, options: PushOptions): Promise<void> {
    const position = this.#end;
    const body = position + HEADER_BYTES;
    const kept = this.#part.journal.kept({ descriptor, body });
    const { diffID, size } =
      kept > 0 ? await this.#hash(body, kept) : await this.#writePlain(descriptor, body, open, options);
    if (kept > 0) options.onBytes?.(descriptor.size, 'kept');
    const path = layerPath(diffID);
    this.#layers.set(descriptor.digest, { diffID, path });
    // If two layers are compressed forms of the same one, the place of the second is used for the next layer.
    if (this.#written.has(path)) return;
    this.#written.add(path);
    await this.#file.write([await tarHeader({ path, size, mode: 0o444 })], position);
    await this.#file.write([Buffer.alloc(paddingAfter(size))], body + size);
    this.#end = body + size + paddingAfter(size);
    await this.#part.journal.record({ descriptor, body }, size);
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
    let batch: Buffer[] = [];
    let batchBytes = 0;
    const flush = async (): Promise<void> => {
      await this.#file.write(batch, body + digester.size - batchBytes);
      batch = [];
      batchBytes = 0;
    };
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      digester.update(chunk);
      batch.push(chunk);
      batchBytes += chunk.byteLength;
      if (batchBytes >= BATCH_BYTES) await flush();
    }
    await flush();
    return { diffID: digester.digest(), size: digester.size };
  }

  async #hash(body: number, size: number): Promise<{ diffID: Digest; size: number }> {
    const digester = createDigester();
    for await (const chunk of this.#file.read(body, size)) digester.update(chunk);
    return { diffID: digester.digest(), size };
  }

  async #writeFile(path: string, bytes: Buffer): Promise<void> {
    if (this.#written.has(path)) return;
    this.#written.add(path);
    const padding = Buffer.alloc(paddingAfter(bytes.byteLength));
    const header = await tarHeader({ path, size: bytes.byteLength, mode: 0o444 });
    await this.#file.write([header, bytes, padding], this.#end);
    this.#end += header.byteLength + bytes.byteLength + padding.byteLength;
  }

  async #writeLink(path: string, linkTarget: string): Promise<void> {
    if (this.#written.has(path)) return;
    this.#written.add(path);
    const header = await tarHeader({ path, size: 0, type: 'symlink', linkTarget });
    await this.#file.write([header], this.#end);
    this.#end += header.byteLength;
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
      `the config of ${digest} has the diffID ${other}: Docker knows sha256 alone`,
      advice,
    );
}

/** Names of 68 characters, and sizes in base 256, fit into one block. */
const HEADER_BYTES = 512;

/** In an image, everything except manifests and configs is a layer. */
function isLayer({ mediaType }: Descriptor): boolean {
  return !isManifest(mediaType) && !/config|container\.image\.v1\+json/.test(mediaType);
}

function configPath({ digest }: Descriptor): string {
  return `${encodedOf(digest)}.json`;
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
