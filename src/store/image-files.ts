import type { Readable } from 'node:stream';
import { ANNOTATION } from '../content/annotations.js';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../content/descriptor.js';
import { type Digest, digestOf, isDigest } from '../content/digest.js';
import { isManifest } from '../content/media-types.js';
import { taggedName } from '../content/names.js';
import { RecentlyUsed } from '../content/recently-used.js';
import type { Region } from '../disk/region.js';
import { ContentError, isLadingError, LadingError } from '../errors.js';
import { createTurns } from '../in-turn.js';
import { detectMediaType, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from '../manifest/manifest.js';
import { type Attached, attachedTag } from './attached.js';
import { AttachedManifests } from './attached-manifests.js';
import type { ContentFile, ContentFiles } from './content-files.js';
import { ExactNames } from './exact-names.js';
import { entryName, findEntry, nameAnnotations } from './layout/layout-index.js';
import { ManifestGraph } from './manifest-graph.js';
import { readAtMost, readContent } from './read-content.js';
import { type FetchOptions, has, type Referrer, type Resolved, type Source, type Wanted } from './store.js';

const BLOB_MEDIA_TYPE = 'application/octet-stream';
/**
 * A type of the specification that says nothing about the content; go-containerregistry's test layouts have such
 * entries.
 */
const DESCRIPTOR_TYPE = 'application/vnd.oci.descriptor.v1+json';

/** Entries take some 200 bytes each. */
const MOST_TYPES = 50_000;
/** Documents above this size are read one after the other, however many are requested at once. */
const LARGE_BYTES = 64 * 1024;
/** An image that cannot be read, while others can. */
export interface NamedProblem {
  name: string;
  /** The reference for which `resolve` rejects with this error, however many images have the name. */
  reference: string;
  error: LadingError;
}

/** The images of an archive or directory of any form, read in place. */
export class ImageFiles implements Source {
  readonly isLocal = true;
  /** Errors in documents that reading can do without, such as the Docker half of a layout. */
  readonly problems: LadingError[] = [];
  /** Reasons why different readers would take different images. A caller must report them, or refuse the archive. */
  readonly contradictions: ContentError[] = [];
  /** Names that readers of another half of the files use for some of the images, besides the entries. */
  readonly twins: NamedDescriptor[] = [];
  /** Images without a manifest, because something is missing or invalid; they are not among the entries. */
  readonly broken: NamedProblem[] = [];
  /** What is odd but does not prevent reading the images, such as invalid names. */
  readonly warnings: string[] = [];
  /** What is odd about the archive itself but misleads no reader, as sentences. */
  readonly remarks: string[] = [];
  /** Checks the archive itself, which only a complete verification does; rejects with `INVALID_ARCHIVE`. */
  checkArchive: () => Promise<void> = async () => {};
  #graph: ManifestGraph | undefined;
  #names: ExactNames | undefined;
  /** Types of manifests that are not entries, and of other content of their size. */
  readonly #types = new RecentlyUsed<string, { mediaType: string | undefined }>(MOST_TYPES);
  readonly #turns = createTurns<string>();
  /** Attachments by the digest of their subject. */
  #attached: Promise<Map<Digest, Attached[]>> | undefined;
  /** Kept when entries change. */
  readonly #attachedManifests = new AttachedManifests();

  constructor(
    protected readonly files: ContentFiles,
    /** The images and their names, as in a layout's `index.json`. */
    protected entries: readonly Descriptor[],
    /** The images that `@N` counts, with an error for a broken one; default: the entries. */
    private readonly positions?: readonly (Descriptor | LadingError)[],
  ) {}

  /** The graph of which content needs which; each manifest is read once for it and for referrers. */
  get graph(): ManifestGraph {
    this.#graph ??= new ManifestGraph(this);
    return this.#graph;
  }

  get location(): string {
    return this.files.location;
  }

  /** Throws if different readers would take different images. */
  requireOneMeaning(): void {
    const [first, ...others] = this.contradictions;
    if (first === undefined) return;
    throw others.length === 0 ? first : first.withMessage(`${first.message}; and ${others.length} more`);
  }

  /** Throws if all images are broken. */
  requireImages(): void {
    const [first] = this.broken;
    if (first !== undefined && this.entries.length === 0) throw first.error;
  }

  /** The descriptors of `index.json`, unchanged; for other forms, what it would contain. */
  get indexEntries(): readonly Descriptor[] {
    return this.entries;
  }

  /** Lists every file with content, whether an entry leads to it or not. */
  contentFiles(): AsyncIterable<ContentFile> {
    return this.files.list();
  }

  /** Returns the path in the archive or directory where content is, or would be. */
  pathOf(digest: Digest): string {
    return this.files.pathOf(digest);
  }

  async resolve(reference: string): Promise<Resolved> {
    const found = await this.#resolve(reference);
    return this.isMade(found.digest) ? { ...found, origin: 'made' } : found;
  }

  /** True for a manifest that lading made for an image of a form without manifests. */
  isMade(digest: Digest): boolean {
    return this.files.isMade?.(digest) === true;
  }

  async #resolve(reference: string): Promise<Descriptor> {
    if (/^@[0-9]+$/.test(reference)) return this.#atPosition(Number(reference.slice(1)));
    if (this.#names?.isOf(this.entries) !== true) this.#names = new ExactNames(this.entries);
    const exact = this.#names.find(reference);
    if (exact !== undefined) return exact;
    try {
      return this.#findEntry(reference);
    } catch (error) {
      if (!isLadingError(error, 'NOT_FOUND') || !isDigest(reference)) throw error;
    }
    // It may be a manifest that only an index names; its bytes show its type.
    const size = await this.files.size(reference);
    if (size === undefined || size > MAX_MANIFEST_BYTES) throw this.#notFound(reference);
    const blob = { mediaType: BLOB_MEDIA_TYPE, digest: reference, size };
    const { mediaType } = await this.#typeOf(blob);
    if (mediaType === undefined) throw this.#notFound(reference);
    return { ...blob, mediaType };
  }

  /** Determines a type from the bytes, once: the content of a digest never changes. */
  async #typeOf(blob: Descriptor): Promise<{ mediaType: string | undefined }> {
    const key = `${blob.digest} ${blob.size}`;
    const known = this.#types.get(key);
    if (known !== undefined) return known;
    const read = async () => ({
      mediaType: manifestTypeOf(await readAtMost(blob, await this.fetch(blob))),
    });
    const found = blob.size > LARGE_BYTES ? await this.#turns('', read) : await read();
    this.#types.set(key, found);
    return found;
  }

  sizeOf({ digest }: Wanted): Promise<number | undefined> {
    return this.files.size(digest);
  }

  async fetch({ digest, size }: Descriptor, options: FetchOptions = {}): Promise<Readable> {
    const actual = await this.files.size(digest);
    if (actual === undefined) throw this.#notFound(digest);
    // Report it here as permanent: a body that ends early would look like an interrupted transfer.
    if (actual !== size) {
      throw new ContentError(
        'SIZE_MISMATCH',
        `${digest} has ${actual} bytes in ${this.location}, its descriptor says ${size}`,
      );
    }
    return this.files.open(digest, options);
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    const nameless = new Set<Digest>();
    for (const entry of this.entries) {
      const name = entryName(entry);
      await this.requireTrueType(entry);
      if (name !== undefined) {
        yield { name: taggedName(name), descriptor: entry };
      } else if (!isPart(entry) && !nameless.has(entry.digest)) {
        nameless.add(entry.digest);
        yield { name: entry.digest, descriptor: entry };
      }
    }
  }

  async *referrers(subject: Descriptor): AsyncIterable<Referrer> {
    this.#attached ??= this.#findAttached();
    const seen = new Set<Digest>();
    for (const { referrer } of (await this.#attached).get(subject.digest) ?? []) {
      if (seen.has(referrer.descriptor.digest)) continue;
      seen.add(referrer.descriptor.digest);
      yield referrer;
    }
  }

  /**
   * Rejects with `INVALID_LAYOUT` if the content of an entry is a manifest, but its type says otherwise. Entries of
   * unknown types are allowed (image-spec, image-layout.md, "index.json"), but with such an entry a name or an image
   * would be lost.
   */
  async requireTrueType(entry: Descriptor): Promise<void> {
    const { mediaType, digest, size } = entry;
    if (mayBeManifest(entry) || size > MAX_MANIFEST_BYTES || !(await has(this, entry))) return;
    const actual = manifestTypeOf(await readAtMost(entry, await this.fetch(entry)));
    if (actual === undefined) return;
    throw new ContentError(
      'INVALID_LAYOUT',
      `${this.location}: index.json says that ${digest} is ${mediaType}, but it is ${actual}`,
    );
  }

  /** Records what the manifest of an entry says after it was read, so that it need not be read again for referrers. */
  noteAttached(entry: Descriptor, manifest: Manifest): void {
    this.#attachedManifests.note(entry, manifest);
  }

  /** Manifests that are known to be attached to nothing, in the order in which that was found out. */
  get unattached(): readonly Digest[] {
    return this.#attachedManifests.unattached;
  }

  /** Records manifests that an earlier opening found to be attached to nothing. */
  noteUnattached(digests: Iterable<Digest>): void {
    this.#attachedManifests.noteUnattached(digests);
  }

  /** Lists every file that should have the content of a digest, whether an image needs it or not. */
  blobs(): AsyncIterable<ContentFile> {
    return this.files.list();
  }

  async region({ digest }: Descriptor): Promise<Region | undefined> {
    return this.files.region(digest);
  }

  async close(): Promise<void> {
    await this.files.close();
  }

  /** Must be called when entries change, so that attachments are looked up again. */
  protected forgetAttached(): void {
    this.#attached = undefined;
  }

  /** Finds an entry. Broken images are searched too, so that a short name of one does not match another image. */
  #findEntry(reference: string): Descriptor {
    const broken = new Map<Descriptor, LadingError>(
      this.broken.map(({ name, reference: place, error }) => {
        const digest = digestOf(Buffer.from(place)); // broken images have no digest of their own
        return [{ mediaType: '', digest, size: 0, annotations: nameAnnotations(name) }, error] as const;
      }),
    );
    const found = findEntry([...this.entries, ...broken.keys()], reference, this.location);
    const problem = broken.get(found);
    if (problem !== undefined) throw problem;
    return found;
  }

  #atPosition(position: number): Descriptor {
    const images = this.positions ?? this.entries;
    const image = images[position];
    if (image instanceof LadingError) throw image;
    if (image !== undefined) return image;
    throw new LadingError(
      'NOT_FOUND',
      `${this.location} has no image @${position}: it holds ${images.length}, counted from @0`,
    );
  }

  /** Reads the manifest of every entry once, because layouts of other tools do not mark attachments. */
  async #findAttached(): Promise<Map<Digest, Attached[]>> {
    this.#attachedManifests.forgetAllBut(new Set(this.entries.map(({ digest }) => digest)));
    const attached: Attached[] = [];
    for (const entry of this.entries) {
      const name = entryName(entry);
      const byTag = name === undefined ? undefined : attachedTag(plainDescriptor(entry), name);
      if (byTag !== undefined) attached.push(byTag);
      else for (const one of await this.#attachedBySubject(entry)) attached.push(one);
    }
    const bySubject = new Map<Digest, Attached[]>();
    for (const one of attached) {
      const others = bySubject.get(one.subject);
      if (others === undefined) bySubject.set(one.subject, [one]);
      else others.push(one);
    }
    return bySubject;
  }

  async #attachedBySubject(entry: Descriptor): Promise<readonly Attached[]> {
    const known = this.#attachedManifests.of(entry);
    if (known !== undefined) return known;
    await this.#graph?.linksOf(entry); // reads the manifest for both purposes, unless it is invalid
    if (this.#attachedManifests.of(entry) === undefined) {
      const manifest = await this.#readEntry(entry);
      if (manifest !== undefined) this.noteAttached(entry, manifest);
    }
    return this.#attachedManifests.of(entry) ?? [];
  }

  /**
   * Returns undefined if the manifest is missing or invalid: a request for that image gets the error, and others do not
   * need it.
   */
  async #readEntry(entry: Descriptor): Promise<Manifest | undefined> {
    if (!isManifest(entry.mediaType) || !(await has(this, entry))) return undefined;
    try {
      return parseManifest(await readContent(this, entry), entry);
    } catch (error) {
      if (error instanceof ContentError) return undefined;
      throw error;
    }
  }

  #notFound(what: string): LadingError {
    return new LadingError('NOT_FOUND', `${this.location} does not hold ${what}`);
  }
}

/** True if an entry may be a manifest by its type, which says nothing in some layouts. */
export function mayBeManifest({ mediaType }: Descriptor): boolean {
  return isManifest(mediaType) || mediaType === DESCRIPTOR_TYPE;
}

/** True if an entry is a part of another image, rather than an image of its own. */
export function isPart({ annotations }: Descriptor): boolean {
  return annotations?.[ANNOTATION.containerdSubject] !== undefined;
}

function manifestTypeOf(bytes: Buffer): string | undefined {
  try {
    return detectMediaType(bytes);
  } catch (error) {
    if (isLadingError(error, 'INVALID_MANIFEST')) return undefined;
    throw error;
  }
}
