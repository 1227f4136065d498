import { Readable } from 'node:stream';
import { type Digest, digestOf } from '../../content/digest.js';
import type { FileView } from '../../disk/files.js';
import type { OpenFileOptions, Region } from '../../disk/region.js';
import { LadingError } from '../../errors.js';
import type { ContentFile, ContentFiles } from '../content-files.js';

/** Content under the names that a writer chose, and documents made in memory; optionally on top of a layout's blobs. */
export class NamedFiles implements ContentFiles {
  readonly #view: FileView;
  readonly #blobs: ContentFiles | undefined;
  readonly #paths = new Map<Digest, Set<string>>();
  readonly #documents = new Map<Digest, Buffer>();

  constructor(view: FileView, blobs?: ContentFiles) {
    this.#view = view;
    this.#blobs = blobs;
  }

  get location(): string {
    return this.#view.location;
  }

  /** Declares that the file at `path` should have this content. If there are several, the first is read. */
  addFile(digest: Digest, path: string): void {
    const paths = this.#paths.get(digest);
    if (paths === undefined) this.#paths.set(digest, new Set([path]));
    else paths.add(path);
  }

  /** Adds a document that is not in a file. */
  addDocument(bytes: Buffer): Digest {
    const digest = digestOf(bytes);
    this.#documents.set(digest, bytes);
    return digest;
  }

  pathOf(digest: Digest): string {
    return this.#pathOf(digest) ?? this.#blobs?.pathOf(digest) ?? digest;
  }

  async size(digest: Digest): Promise<number | undefined> {
    const document = this.#documents.get(digest);
    if (document !== undefined) return document.byteLength;
    const path = this.#pathOf(digest);
    return path === undefined ? this.#blobs?.size(digest) : this.#view.size(path);
  }

  async open(digest: Digest, options: OpenFileOptions = {}): Promise<Readable> {
    const document = this.#documents.get(digest);
    if (document !== undefined) return streamOf(document, options);
    const path = this.#pathOf(digest);
    if (path !== undefined) return this.#view.open(path, options);
    if (this.#blobs !== undefined) return this.#blobs.open(digest, options);
    throw new LadingError('NOT_FOUND', `${this.location} does not hold ${digest}`);
  }

  async region(digest: Digest): Promise<Region | undefined> {
    if (this.#documents.has(digest)) return undefined;
    const path = this.#pathOf(digest);
    return path === undefined ? this.#blobs?.region(digest) : this.#view.region(path);
  }

  isMade(digest: Digest): boolean {
    return this.#documents.has(digest);
  }

  async *list(): AsyncIterable<ContentFile> {
    for (const [digest, paths] of this.#paths) {
      for (const path of paths) {
        const region = await this.#view.region(path);
        if (region !== undefined) yield { digest, path, region };
      }
    }
    for await (const file of this.#blobs?.list() ?? []) {
      if (this.#paths.get(file.digest)?.has(file.path) !== true) yield file;
    }
  }

  async close(): Promise<void> {
    await this.#view.close();
  }

  #pathOf(digest: Digest): string | undefined {
    return this.#paths.get(digest)?.values().next().value;
  }
}

function streamOf(bytes: Buffer, { start = 0, length = bytes.byteLength }: OpenFileOptions): Readable {
  // A list with the bytes: `Readable.from` would split a bare buffer, and emit no chunk for an empty one.
  return Readable.from([bytes.subarray(start, start + length)], { objectMode: false });
}
