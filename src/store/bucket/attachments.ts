import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { type ListedObject, payloadOf, type S3Client } from '../../s3/client.js';
import { type Attached, attachedTag, subjectOfTag } from '../attached.js';
import { entryName } from '../layout/layout-index.js';
import type { Referrer } from '../store.js';
import { formatEntry, MAX_ENTRY_BYTES, parseEntry } from './entry.js';
import { FreshList, versionOf } from './fresh-list.js';
import type { BucketKeys } from './keys.js';
import type { BucketNames } from './names.js';

interface Attachment {
  subject: Digest;
  descriptor: Descriptor;
}

/** A list of all attachments, by their subjects. */
interface Listing {
  version: string;
  bySubject: ReadonlyMap<Digest, readonly ListedObject[]>;
}

/** What is attached to manifests: an object for each that says so by its `subject`, and names of cosign's form. */
export class BucketAttachments {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #names: BucketNames;
  readonly #location: string;
  /** What objects of the list contain, by key; an object with the same ETag need not be read again. */
  readonly #known = new Map<string, { etag: string | undefined; read: Attachment }>();
  readonly #listing = new FreshList((signal) => this.#listAll(signal));

  constructor(client: S3Client, keys: BucketKeys, names: BucketNames, location: string) {
    this.#client = client;
    this.#keys = keys;
    this.#names = names;
    this.#location = location;
  }

  /** Makes a manifest findable from its subject; the same object each time. */
  async add({ subject, referrer: { descriptor } }: Attached, signal?: AbortSignal): Promise<void> {
    const key = this.#keys.attachment(subject, descriptor.digest);
    await this.#client.put(key, payloadOf(formatEntry(descriptor)), {
      contentType: 'application/json',
      signal,
    });
    this.#listing.forget();
  }

  /**
   * Returns a text that changes when anything is attached. All attachments are listed for it, at most every 5 s, and `of`
   * uses that list: this is for callers that ask for many subjects again and again, as a registry does.
   */
  async version(signal?: AbortSignal): Promise<string> {
    return (await this.#listing.get(signal)).version;
  }

  async *of(subject: Digest, signal?: AbortSignal): AsyncGenerator<Referrer> {
    const seen = new Set<Digest>();
    for (const { descriptor } of await this.#bySubject(subject, signal)) {
      seen.add(descriptor.digest);
      yield { descriptor };
    }
    const isMeant = (name: string): boolean =>
      subjectOfTag(name.slice(name.lastIndexOf(':') + 1)) === subject;
    for (const { entry } of await this.#names.those(isMeant, signal)) {
      const referrer = attachedTag(plainDescriptor(entry), entryName(entry) ?? '')?.referrer;
      if (referrer === undefined || seen.has(entry.digest)) continue;
      seen.add(entry.digest);
      yield referrer;
    }
  }

  /** Lists every attachment with its subject. */
  async all(signal?: AbortSignal): Promise<Attachment[]> {
    return this.#readAll(await this.#list(this.#keys.attachments(), signal), signal);
  }

  async #bySubject(subject: Digest, signal?: AbortSignal): Promise<Attachment[]> {
    const objects = this.#listing.isFresh
      ? ((await this.#listing.get(signal)).bySubject.get(subject) ?? [])
      : await this.#list(this.#keys.attachments(subject), signal);
    return this.#readAll(objects, signal);
  }

  async #listAll(signal?: AbortSignal): Promise<Listing> {
    const objects = await this.#list(this.#keys.attachments(), signal);
    const bySubject = new Map<Digest, ListedObject[]>();
    for (const object of objects) {
      const subject = this.#keys.subjectIn(object.key);
      if (subject === undefined) continue;
      const those = bySubject.get(subject);
      if (those === undefined) bySubject.set(subject, [object]);
      else those.push(object);
    }
    const keys = new Set(objects.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
    return { version: versionOf(objects), bySubject };
  }

  async #list(prefix: string, signal?: AbortSignal): Promise<ListedObject[]> {
    const objects: ListedObject[] = [];
    for await (const object of this.#client.list(prefix, { signal })) objects.push(object);
    return objects;
  }

  async #readAll(objects: readonly ListedObject[], signal?: AbortSignal): Promise<Attachment[]> {
    const read = await Promise.all(objects.map((object) => this.#readOne(object, signal)));
    return read.filter((one) => one !== undefined);
  }

  async #readOne({ key, etag }: ListedObject, signal?: AbortSignal): Promise<Attachment | undefined> {
    const subject = this.#keys.subjectIn(key);
    if (subject === undefined) return undefined;
    const known = this.#known.get(key);
    if (known?.etag !== undefined && known.etag === etag) return known.read;
    const object = await this.#client.read(key, { maxBytes: MAX_ENTRY_BYTES, signal });
    if (object === undefined || object === 'unchanged') return undefined;
    const read = { subject, descriptor: parseEntry(object.bytes, `${this.#location}: ${key}`) };
    this.#known.set(key, { etag: object.etag, read });
    return read;
  }
}
