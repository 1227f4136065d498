import type { Readable } from 'node:stream';
import { withAbsent } from '../../content/annotations.js';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import { LadingError } from '../../errors.js';
import type { Region } from '../../files.js';
import { parseManifest } from '../../manifest/manifest.js';
import type { FetchOptions, Referrer } from '../store.js';
import type { BlobUpload, PutManifestOptions, WritableRepository } from '../writable-repository.js';
import type { LayoutContent } from './layout-content.js';
import { linksOf } from './manifest-graph.js';

/** The other repositories of the same layout. */
export interface Siblings {
  has(name: string): Promise<boolean>;
  /** Told of a repository that holds more than its entries say: blobs, those too that its manifests leave. */
  remember(repository: LayoutRepository): void;
}

/**
 * A repository of a layout. All content of the layout is one pool: what one repository has, others find by its
 * digest.
 */
export class LayoutRepository implements WritableRepository {
  constructor(
    readonly name: string,
    private readonly content: LayoutContent,
    private readonly siblings: Siblings,
  ) {}

  async resolve(reference: string): Promise<Descriptor> {
    const tags = await this.#tags();
    const tagged = tags.get(reference);
    if (tagged !== undefined) return tagged;
    if (!isDigest(reference)) throw this.#notFound(`tag ${reference}`);
    if (this.#isDeleted(reference) && ![...tags.values()].some(({ digest }) => digest === reference))
      throw this.#notFound(reference);
    return this.content.layout.resolve(reference);
  }

  resolveBlob(digest: Digest): Promise<Descriptor> {
    return this.content.layout.resolveBlob(digest);
  }

  exists(descriptor: Descriptor): Promise<boolean> {
    return this.content.layout.exists(descriptor);
  }

  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable> {
    return this.content.layout.fetch(descriptor, options);
  }

  region(descriptor: Descriptor): Promise<Region | undefined> {
    return this.content.layout.region(descriptor);
  }

  async *references(): AsyncIterable<NamedDescriptor> {
    for (const [name, descriptor] of await this.#tags()) yield { name, descriptor };
  }

  async *referrers(subject: Descriptor): AsyncIterable<Referrer> {
    await this.content.layout.refresh();
    for await (const referrer of this.content.layout.referrers(subject))
      if (!this.#isDeleted(referrer.descriptor.digest)) yield referrer;
  }

  async createUpload(): Promise<BlobUpload> {
    return this.content.uploads.create(this.name, () => this.siblings.remember(this));
  }

  async openUpload(id: string): Promise<BlobUpload | undefined> {
    return this.content.uploads.find(id, this.name, () => this.siblings.remember(this));
  }

  async mountBlob(digest: Digest, fromRepository: string | undefined): Promise<boolean> {
    if (fromRepository !== undefined && !(await this.siblings.has(fromRepository))) return false;
    if (!(await this.content.has(digest))) return false;
    this.siblings.remember(this);
    return true;
  }

  async putManifest(
    descriptor: Descriptor,
    bytes: Buffer,
    { tags = [], absent = [], held }: PutManifestOptions = {},
  ): Promise<void> {
    const plain = plainDescriptor(descriptor);
    await this.content.put({
      entry: withAbsent(plain, absent),
      bytes,
      links: linksOf(plain, parseManifest(bytes, descriptor)),
      repository: this.name,
      tags,
      held,
    });
    this.siblings.remember(this);
  }

  async deleteTag(tag: string): Promise<void> {
    await this.content.removeTag({ repository: this.name, tag });
  }

  async deleteManifest(digest: Digest): Promise<void> {
    const descriptor = await this.resolve(digest);
    await this.content.removeManifest(descriptor, this.name);
    this.siblings.remember(this);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    await this.content.removeBlob(digest);
  }

  async close(): Promise<void> {}

  async #tags(): Promise<ReadonlyMap<string, Descriptor>> {
    return (await this.content.layout.tags()).get(this.name) ?? new Map<string, Descriptor>();
  }

  #isDeleted(digest: Digest): boolean {
    return this.content.isDeleted(digest, this.name);
  }

  #notFound(what: string): LadingError {
    return new LadingError('NOT_FOUND', `${this.name} has no ${what}`);
  }
}
