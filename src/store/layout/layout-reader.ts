import type { Readable } from 'node:stream';
import { ambiguous } from '../../content/ambiguous.js';
import type { Descriptor } from '../../content/descriptor.js';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import type { FileView } from '../../disk/files.js';
import type { OpenFileOptions, Region } from '../../disk/region.js';
import { ContentError } from '../../errors.js';
import { readArchiveManifest } from '../../manifest/docker-archive-documents.js';
import { describeIrregularity, isRefusedByAll } from '../../manifest/irregular.js';
import {
  type LayoutIndexContent,
  parseLayoutVersion,
  readLayoutIndex,
} from '../../manifest/layout-documents.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';
import { MAX_MANIFEST_BYTES } from '../../manifest/manifest.js';
import type { ContentFile, ContentFiles } from '../content-files.js';
import { ImageFiles } from '../image-files.js';
import { MAX_INDEX_BYTES } from './layout-index.js';
import { nameConflicts } from './name-conflicts.js';

/** Returns the path of a blob in a layout. (image-spec, image-layout.md, "Content") */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${encodedOf(digest)}`;
}

/** Returns the digest that a path of `blobPath` states, or undefined for other paths. */
export function blobDigest(path: string): Digest | undefined {
  const [, algorithm, encoded] = /^blobs\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  const digest = `${algorithm}:${encoded}`;
  return isDigest(digest) ? digest : undefined;
}

/** An OCI image layout, read through a view of its files, so that a directory and a tar work the same. */
export class LayoutReader extends ImageFiles {
  constructor(
    protected readonly view: FileView,
    /** Entries of `index.json`. */
    entries: readonly Descriptor[],
  ) {
    super(new LayoutFiles(view), entries);
  }

  /** Opens a layout; rejects with `INVALID_LAYOUT` if the files are not a layout, or have another version. */
  static async open(view: FileView): Promise<LayoutReader> {
    const { entries, irregular } = await readLayoutEntries(view);
    const reader = new LayoutReader(view, entries);
    reader.contradictions.push(...contradictionsIn(entries, view.location));
    if (irregular !== undefined) {
      const message = `${view.location}: index.json: ${describeIrregularity(irregular)}`;
      if (isRefusedByAll(irregular)) reader.problems.push(new ContentError('INVALID_LAYOUT', message));
      else reader.remarks.push(message);
    }
    return reader;
  }

  /** Returns the config digests of the images in Docker's `manifest.json`; empty if that file does not exist. */
  async dockerConfigs(): Promise<ReadonlySet<Digest>> {
    if (!(await this.hasFile('manifest.json'))) return new Set();
    const bytes = await this.view.read('manifest.json', MAX_ARCHIVE_DOCUMENT_BYTES);
    const digests = readArchiveManifest(bytes, `${this.location}: manifest.json`).flatMap((item) =>
      'config' in item ? item.config.replace(/^blobs\/([^/]+)\/([^/]+)$/, '$1:$2') : [],
    );
    return new Set(digests.filter(isDigest));
  }

  /** True if there is a file besides the layout's own, such as Docker's `manifest.json`. */
  async hasFile(path: string): Promise<boolean> {
    return (await this.view.size(path)) !== undefined;
  }
}

/** Returns an error for each name in these entries that readers would take for different images. */
export function contradictionsIn(entries: readonly Descriptor[], location: string): ContentError[] {
  return nameConflicts(entries).map((conflict) => ambiguous(location, conflict, { code: 'INVALID_LAYOUT' }));
}

/** The blobs of a layout. */
export class LayoutFiles implements ContentFiles {
  readonly #view: FileView;

  constructor(view: FileView) {
    this.#view = view;
  }

  get location(): string {
    return this.#view.location;
  }

  pathOf(digest: Digest): string {
    return blobPath(digest);
  }

  size(digest: Digest): Promise<number | undefined> {
    return this.#view.size(blobPath(digest));
  }

  open(digest: Digest, options?: OpenFileOptions): Promise<Readable> {
    return this.#view.open(blobPath(digest), options);
  }

  region(digest: Digest): Promise<Region | undefined> {
    return this.#view.region(blobPath(digest));
  }

  async *list(): AsyncIterable<ContentFile> {
    for (const { path } of await this.#view.list()) {
      const digest = blobDigest(path);
      const region = digest && (await this.#view.region(path));
      if (digest !== undefined && region !== undefined) yield { digest, path, region };
    }
  }

  async close(): Promise<void> {
    await this.#view.close();
  }
}

/**
 * Returns the entries of a layout's `index.json`, and what violates its schema, after checking the layout's version. A
 * missing `oci-layout` is accepted as version 1.0.0, the only one there is: crane and skopeo read such layouts, so they
 * are passed on.
 */
export async function readLayoutEntries(view: FileView): Promise<LayoutIndexContent> {
  const hasVersion = (await view.size('oci-layout')) !== undefined;
  if (hasVersion)
    parseLayoutVersion(await view.read('oci-layout', MAX_MANIFEST_BYTES), `${view.location}: oci-layout`);
  if ((await view.size('index.json')) === undefined) {
    throw new ContentError(
      'INVALID_LAYOUT',
      hasVersion
        ? `${view.location} is a damaged OCI layout: it has no index.json`
        : `${view.location} is not an OCI layout: it has neither oci-layout nor index.json`,
    );
  }
  return readLayoutIndex(await view.read('index.json', MAX_INDEX_BYTES), `${view.location}: index.json`);
}
