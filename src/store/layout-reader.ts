import type { Readable } from 'node:stream';
import { ANNOTATION } from '../content/annotations.js';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import { ContentError, isLadingError, LadingError } from '../errors.js';
import type { FileView, Region } from '../files.js';
import { parseLayoutIndex, parseLayoutVersion } from '../manifest/layout-documents.js';
import { detectMediaType, MAX_MANIFEST_BYTES, parseManifest, successors } from '../manifest/manifest.js';
import { type Attached, attachedTag, attachedTo, fallbackTag } from './attached.js';
import { entryName, findEntry } from './layout-index.js';
import { readContent } from './read-content.js';
import type { FetchOptions, ReadonlyStore, Referrer } from './store.js';

/** Bytes of `index.json` that lading reads at most: a layout of 100,000 images stays below. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;
const BLOB_MEDIA_TYPE = 'application/octet-stream';

/** Where a layout keeps content. (image-spec, image-layout.md, "Content") */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${encodedOf(digest)}`;
}

/** An OCI image layout, read through a view of its files: a directory and a tar are the same here. */
export class LayoutReader implements ReadonlyStore {
  #attached: Promise<Attached[]> | undefined;

  constructor(
    protected readonly view: FileView,
    /** Entries of `index.json`. */
    protected entries: readonly Descriptor[],
  ) {}

  /** Rejects with `INVALID_LAYOUT` when the files are no layout, or one of another version. */
  static async open(view: FileView): Promise<LayoutReader> {
    return new LayoutReader(view, await readLayoutEntries(view));
  }

  get location(): string {
    return this.view.location;
  }

  /** The descriptors of `index.json`, as they stand there. */
  get indexEntries(): readonly Descriptor[] {
    return this.entries;
  }

  /** Whether there is a file beside the layout's own, such as Docker's `manifest.json`. */
  async hasFile(path: string): Promise<boolean> {
    return (await this.view.size(path)) !== undefined;
  }

  async resolve(reference: string): Promise<Descriptor> {
    try {
      return findEntry(this.entries, reference, this.location);
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND') || !isDigest(reference)) throw error;
    }
    // A manifest that only an index names: its type is told by its bytes.
    const { size } = await this.resolveBlob(reference);
    if (size > MAX_MANIFEST_BYTES) throw this.#notFound(reference);
    const bytes = await this.view.read(blobPath(reference), MAX_MANIFEST_BYTES);
    const mediaType = manifestTypeOf(bytes);
    if (mediaType === undefined) throw this.#notFound(reference);
    return { mediaType, digest: reference, size };
  }

  async resolveBlob(digest: Digest): Promise<Descriptor> {
    const size = await this.view.size(blobPath(digest));
    if (size === undefined) throw this.#notFound(digest);
    return { mediaType: BLOB_MEDIA_TYPE, digest, size };
  }

  async exists({ digest, size }: Descriptor): Promise<boolean> {
    return (await this.view.size(blobPath(digest))) === size;
  }

  async fetch({ digest }: Descriptor, { start, signal }: FetchOptions = {}): Promise<Readable> {
    const path = blobPath(digest);
    if ((await this.view.size(path)) === undefined) throw this.#notFound(digest);
    return this.view.open(path, { start, signal });
  }

  async *references(): AsyncIterable<NamedDescriptor> {
    for (const entry of this.entries) {
      const name = entryName(entry);
      if (name !== undefined) yield { name, descriptor: entry };
      else if (entry.annotations?.[ANNOTATION.containerdSubject] === undefined && isManifest(entry.mediaType))
        yield { name: entry.digest, descriptor: entry };
    }
  }

  async *referrers(subject: Descriptor): AsyncIterable<Referrer> {
    this.#attached ??= this.#findAttached();
    const seen = new Set<Digest>();
    for (const { subject: digest, referrer } of await this.#attached) {
      if (digest !== subject.digest || seen.has(referrer.descriptor.digest)) continue;
      seen.add(referrer.descriptor.digest);
      yield referrer;
    }
  }

  /** Everything under `blobs`, whether the index leads to it or not. */
  async *blobs(): AsyncIterable<{ digest: Digest; region: Region }> {
    for (const { path } of await this.view.list()) {
      const [, algorithm, encoded] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
      const digest = `${algorithm}:${encoded}`;
      const region = isDigest(digest) ? await this.view.region(path) : undefined;
      if (isDigest(digest) && region !== undefined) yield { digest, region };
    }
  }

  async region({ digest }: Descriptor): Promise<Region | undefined> {
    return this.view.region(blobPath(digest));
  }

  async close(): Promise<void> {
    await this.view.close();
  }

  /** To be called when entries change: what is attached is looked up anew. */
  protected forgetAttached(): void {
    this.#attached = undefined;
  }

  /** Reads every entry's manifest once: layouts of other tools do not mark what is attached to what. */
  async #findAttached(): Promise<Attached[]> {
    const attached: Attached[] = [];
    for (const entry of this.entries) {
      const name = entryName(entry);
      const byTag = name === undefined ? undefined : attachedTag(plainDescriptor(entry), name);
      if (byTag !== undefined) attached.push(byTag);
      else attached.push(...(await this.#attachedBySubject(entry, name)));
    }
    return attached;
  }

  async #attachedBySubject(entry: Descriptor, name: string | undefined): Promise<Attached[]> {
    if (!isManifest(entry.mediaType) || !(await this.exists(entry))) return [];
    const manifest = parseManifest(await readContent(this, entry), entry);
    const own = attachedTo(plainDescriptor(entry), manifest);
    if (own !== undefined) return [own];
    // A fallback index as regclient keeps it in layouts: its children are the referrers.
    const subject = fallbackSubject(name);
    if (subject === undefined) return [];
    return successors(manifest).manifests.map((descriptor) => ({ subject, referrer: { descriptor } }));
  }

  #notFound(what: string): LadingError {
    return new LadingError('NOT_FOUND', `${this.location} does not hold ${what}`);
  }
}

/** The entries of a layout's `index.json`, after its version was checked. */
export async function readLayoutEntries(view: FileView): Promise<Descriptor[]> {
  if ((await view.size('oci-layout')) === undefined) {
    throw new ContentError(
      'INVALID_LAYOUT',
      `${view.location} is not an OCI layout: it has no oci-layout file`,
    );
  }
  parseLayoutVersion(await view.read('oci-layout', MAX_MANIFEST_BYTES), `${view.location}: oci-layout`);
  if ((await view.size('index.json')) === undefined) {
    throw new ContentError(
      'INVALID_LAYOUT',
      `${view.location} is a damaged OCI layout: it has no index.json`,
    );
  }
  return parseLayoutIndex(await view.read('index.json', MAX_INDEX_BYTES), `${view.location}: index.json`);
}

function manifestTypeOf(bytes: Buffer): string | undefined {
  try {
    return detectMediaType(bytes);
  } catch (error) {
    if (isLadingError(error, 'INVALID_MANIFEST')) return undefined;
    throw error;
  }
}

function fallbackSubject(name: string | undefined): Digest | undefined {
  const tag = name?.slice(name.lastIndexOf(':') + 1) ?? '';
  const digest = tag.replace('-', ':');
  return isDigest(digest) && fallbackTag(digest) === tag ? digest : undefined;
}
