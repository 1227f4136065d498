import type { Readable } from 'node:stream';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { LadingError } from '../../errors.js';
import type { LayoutIndexContent } from '../../manifest/layout-documents.js';
import type { S3Client } from '../../s3/client.js';
import { ImageFiles } from '../image-files.js';
import { entryName, withAttachedEntry } from '../layout/layout-index.js';
import { blobDigest } from '../layout/layout-reader.js';
import type { FetchOptions, Referrer, Resolved, SignalOption, Source, Wanted } from '../store.js';
import { BucketAttachments } from './attachments.js';
import { BucketFiles } from './bucket-files.js';
import { adoptedName } from './entry.js';
import { hasLayout } from './first-write.js';
import { ForeignIndex } from './foreign-index.js';
import type { BucketKeys } from './keys.js';
import { BucketNames, whole } from './names.js';

/**
 * The images in a bucket, read in place. Names are objects of their own; a layout that other tools have put there has
 * none, so its `index.json` is read.
 */
export class BucketSource implements Source {
  readonly location: string;
  readonly isLocal = false;
  /** For those that do more with the bucket than a store: URLs, collection. */
  readonly client: S3Client;
  readonly keys: BucketKeys;
  readonly bucketNames: BucketNames;
  readonly attachments: BucketAttachments;
  readonly #files: BucketFiles;
  /** Finds manifests by their digest. */
  readonly #byDigest: ImageFiles;
  readonly #foreignIndex: ForeignIndex;
  /** True once names are objects: another tool's index does not count any more. */
  #hasOwnNames = false;
  /** The layout of another tool, as it was when it was looked at last. */
  #foreign:
    | { index: LayoutIndexContent | undefined; version: string; images: ImageFiles | undefined }
    | undefined;

  constructor(client: S3Client, keys: BucketKeys, location: string) {
    this.client = client;
    this.keys = keys;
    this.location = location;
    this.bucketNames = new BucketNames(client, keys, location);
    this.attachments = new BucketAttachments(client, keys, this.bucketNames, location);
    this.#files = new BucketFiles(client, keys, location);
    this.#byDigest = new ImageFiles(this.#files, []);
    this.#foreignIndex = new ForeignIndex(client, keys, location);
  }

  /** Rejects with `NOT_FOUND` if there is no layout, or no bucket. */
  async requireLayout(): Promise<void> {
    if (await hasLayout(this.client, this.keys, this.location)) return;
    if ((await this.client.head(this.keys.index)) !== undefined) return;
    throw new LadingError(
      'NOT_FOUND',
      `${this.location} holds no images: it has neither oci-layout nor index.json`,
      { hint: 'Check the bucket and the prefix, to which no name of an image belongs.', remedy: 'select' },
    );
  }

  /** True if there is an `index.json`, for tools that read layouts. */
  async hasIndex(): Promise<boolean> {
    return (await this.client.head(this.keys.index)) !== undefined;
  }

  async resolve(reference: string, { signal }: SignalOption = {}): Promise<Resolved> {
    const foreign = await this.foreign(signal);
    if (foreign !== undefined) return foreign.resolve(reference);
    const named = await this.bucketNames.find(reference, signal);
    if (named !== undefined) return named.entry;
    // The short form of a name, or a digest with a name that says what was left out.
    if (!isDigest(reference)) return (await this.#images(signal)).resolve(reference);
    return this.#byDigest.resolve(reference);
  }

  /**
   * Does what `resolve` does for whole names and digests, with one request, however many names there are. A short name is
   * `NOT_FOUND`: finding it means reading all names.
   */
  async resolveWhole(reference: string, { signal }: SignalOption = {}): Promise<Resolved> {
    const foreign = await this.foreign(signal);
    if (foreign !== undefined || isDigest(reference)) return this.resolve(reference, { signal });
    const named = await this.bucketNames.find(reference, signal);
    if (named !== undefined) return named.entry;
    throw new LadingError('NOT_FOUND', `${this.location} has no image with the name ${reference}`);
  }

  async sizeOf({ digest }: Wanted, { signal }: SignalOption = {}): Promise<number | undefined> {
    return this.#files.size(digest, signal);
  }

  async fetch({ digest, size }: Descriptor, options: FetchOptions = {}): Promise<Readable> {
    return this.#files.open(digest, options, size);
  }

  async *names({ signal }: SignalOption = {}): AsyncIterable<NamedDescriptor> {
    yield* ((await this.foreign(signal)) ?? (await this.#images(signal))).names();
  }

  async *referrers(subject: Descriptor, { signal }: SignalOption = {}): AsyncIterable<Referrer> {
    const foreign = await this.foreign(signal);
    if (foreign !== undefined) yield* foreign.referrers(subject);
    else yield* this.attachments.of(subject.digest, signal);
  }

  /** Returns the entries of the names that fit; other names are not read. */
  async named(fits: (name: string) => boolean, signal?: AbortSignal): Promise<readonly Descriptor[]> {
    const foreign = await this.foreign(signal);
    if (foreign !== undefined) return foreign.indexEntries.filter((entry) => fits(entryName(entry) ?? ''));
    return (await this.bucketNames.those(fits, signal)).map(({ entry }) => entry);
  }

  /** Returns the images with everything that is attached to them, as a layout's `index.json` would have them. */
  async imageFiles(signal?: AbortSignal): Promise<ImageFiles> {
    return (await this.foreign(signal)) ?? this.imagesOf(await this.layoutEntries({ signal }));
  }

  /**
   * Returns the entries of an `index.json` for what is here, without those that are about to go: names first, then
   * attachments that have none. Where nothing has a name, attachments are left over from what had one.
   */
  async layoutEntries({
    isGoing = () => false,
    signal,
  }: SignalOption & { isGoing?: ((entry: Descriptor) => boolean) | undefined } = {}): Promise<
    readonly Descriptor[]
  > {
    const staying = (await this.bucketNames.allAsTheyAre(signal)).filter(({ entry }) => !isGoing(entry));
    let entries: readonly Descriptor[] = staying.map((name) => whole(name).entry);
    if (entries.length === 0) return [];
    for (const { subject, descriptor } of await this.attachments.all(signal))
      if (!isGoing(descriptor)) entries = withAttachedEntry(entries, plainDescriptor(descriptor), subject);
    return entries;
  }

  /** Returns the images that some entries are. */
  imagesOf(entries: readonly Descriptor[]): ImageFiles {
    return new ImageFiles(this.#files, entries);
  }

  /** Lists every object that should have the content of a digest. */
  async *blobs(signal?: AbortSignal): AsyncGenerator<{ digest: Digest; path: string; size: number }> {
    for await (const { key, size } of this.client.list(this.keys.blobs, { signal })) {
      const digest = blobDigest(key.slice(this.keys.prefix.length));
      if (digest !== undefined) yield { digest, path: key, size };
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /**
   * Returns the layout of another tool that is here, as it was at most 5 s ago, and the same object as long as it does not
   * change; undefined if lading has given names.
   */
  async foreign(signal?: AbortSignal): Promise<ImageFiles | undefined> {
    if (this.#hasOwnNames) return undefined;
    const isNamed = (await this.bucketNames.listed(signal)).length > 0;
    if (isNamed && !(await this.bucketNames.areAdopting(signal))) {
      this.#hasOwnNames = true;
      return undefined;
    }
    const index = await this.#foreignIndex.get(signal);
    const version = await this.bucketNames.version(signal);
    if (this.#foreign?.index === index && this.#foreign?.version === version) return this.#foreign.images;
    const { entries } = await this.entriesWithForeign(signal);
    const images = entries.length === 0 ? undefined : this.imagesOf(entries);
    this.#foreign = { index, version, images };
    return images;
  }

  /** Returns the entries of the names, and those of another tool's `index.json` that have no names yet. */
  async entriesWithForeign(signal?: AbortSignal): Promise<LayoutIndexContent> {
    const names = await this.bucketNames.all(signal);
    const named = names.map(({ entry }) => entry);
    const index = await this.#foreignIndex.get(signal);
    if (index === undefined) return { entries: named };
    const keys = new Set(names.map(({ key }) => key));
    const unnamed = index.entries.filter((entry) => {
      const name = adoptedName(entry);
      return name === undefined || !keys.has(this.keys.name(name));
    });
    return { ...index, entries: [...named, ...unnamed] };
  }

  /** Must be called when names were given. */
  protected forgetForeign(): void {
    this.#hasOwnNames = true;
  }

  async #images(signal?: AbortSignal): Promise<ImageFiles> {
    const entries = (await this.bucketNames.all(signal)).map(({ entry }) => entry);
    return this.imagesOf(entries);
  }
}
