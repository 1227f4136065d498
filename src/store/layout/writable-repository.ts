import type { Readable } from 'node:stream';
import { withAbsent } from '../../content/annotations.js';
import { type Descriptor, type NamedDescriptor, plainDescriptor } from '../../content/descriptor.js';
import { type Digest, isDigest } from '../../content/digest.js';
import type { Region } from '../../disk/region.js';
import { LadingError } from '../../errors.js';
import { parseManifest } from '../../manifest/manifest.js';
import { linksOf } from '../manifest-graph.js';
import type { FetchOptions, Referrer, Wanted } from '../store.js';
import type { BlobUpload, PutManifestOptions, WritableRepository } from '../writable-repository.js';
import type { LayoutContent } from './pushed-content.js';

/** A repository of a layout. Content is stored once, and is visible only in the repositories that it belongs to. */
export class LayoutRepository implements WritableRepository {
  readonly isLocal = true;

  constructor(
    readonly name: string,
    private readonly content: LayoutContent,
  ) {}

  get location(): string {
    return this.content.layout.location;
  }

  async resolve(reference: string): Promise<Descriptor> {
    const tags = await this.#tags();
    const tagged = tags.get(reference);
    if (tagged !== undefined) return tagged;
    if (!isDigest(reference)) throw this.#notFound(`tag ${reference}`);
    // The tags were read just now, so the contents are current.
    const isOwn = await this.content.belongs(reference, this.name, this.content.layout.lastContents);
    if (!isOwn) throw this.#notFound(reference);
    return this.content.layout.resolve(reference);
  }

  async sizeOf(content: Wanted): Promise<number | undefined> {
    const isOwn = content.mediaType !== undefined || (await this.content.belongs(content.digest, this.name));
    return isOwn ? this.content.layout.sizeOf(content) : undefined;
  }

  fetch(descriptor: Descriptor, options?: FetchOptions): Promise<Readable> {
    return this.content.layout.fetch(descriptor, options);
  }

  region(descriptor: Descriptor): Promise<Region | undefined> {
    return this.content.layout.region(descriptor);
  }

  async *names(): AsyncIterable<NamedDescriptor> {
    for (const [name, descriptor] of await this.#tags()) yield { name, descriptor };
  }

  async *referrers(subject: Descriptor): AsyncIterable<Referrer> {
    const contents = await this.content.layout.contents();
    for await (const referrer of this.content.layout.referrers(subject))
      if (await contents.hasManifest(this.name, referrer.descriptor.digest)) yield referrer;
  }

  async createUpload(): Promise<BlobUpload> {
    return this.content.uploads.create(this.name);
  }

  async openUpload(id: string): Promise<BlobUpload | undefined> {
    return this.content.uploads.find(id, this.name);
  }

  async mountBlob(digest: Digest, fromRepository: string | undefined): Promise<boolean> {
    const isThere =
      fromRepository === undefined
        ? await this.content.has(digest)
        : await this.content.belongs(digest, fromRepository);
    return isThere && this.content.mount(digest, this.name);
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
  }

  async deleteTag(tag: string): Promise<void> {
    await this.content.removeTag({ repository: this.name, tag });
  }

  async deleteManifest(digest: Digest): Promise<void> {
    const descriptor = await this.resolve(digest);
    await this.content.removeManifest(descriptor, this.name);
  }

  async deleteBlob(digest: Digest): Promise<void> {
    await this.content.removeBlob(digest, this.name);
  }

  async close(): Promise<void> {}

  async #tags(): Promise<ReadonlyMap<string, Descriptor>> {
    return (await this.content.layout.tags()).get(this.name) ?? new Map<string, Descriptor>();
  }

  #notFound(what: string): LadingError {
    return new LadingError('NOT_FOUND', `${this.name} has no ${what}`);
  }
}
