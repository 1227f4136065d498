import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import type { Digest } from '../../content/digest.js';
import { payloadOf, type S3Client } from '../../s3/client.js';
import { type Attached, attachedTag, subjectOfTag } from '../attached.js';
import { entryName } from '../layout/layout-index.js';
import type { Referrer } from '../store.js';
import { formatEntry, MAX_ENTRY_BYTES, parseEntry } from './entry.js';
import type { BucketKeys } from './keys.js';
import type { BucketNames } from './names.js';

/** What is attached to manifests: an object for each that says so by its `subject`, and names of cosign's form. */
export class BucketAttachments {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #names: BucketNames;
  readonly #location: string;

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
  async all(signal?: AbortSignal): Promise<{ subject: Digest; descriptor: Descriptor }[]> {
    return this.#read(this.#keys.attachments(), signal);
  }

  #bySubject(subject: Digest, signal?: AbortSignal): Promise<{ subject: Digest; descriptor: Descriptor }[]> {
    return this.#read(this.#keys.attachments(subject), signal);
  }

  async #read(prefix: string, signal?: AbortSignal): Promise<{ subject: Digest; descriptor: Descriptor }[]> {
    const reads: Promise<{ subject: Digest; descriptor: Descriptor } | undefined>[] = [];
    for await (const { key } of this.#client.list(prefix, { signal })) {
      const subject = this.#keys.subjectIn(key);
      if (subject !== undefined) reads.push(this.#readOne(key, subject, signal));
    }
    return (await Promise.all(reads)).filter((one) => one !== undefined);
  }

  async #readOne(
    key: string,
    subject: Digest,
    signal?: AbortSignal,
  ): Promise<{ subject: Digest; descriptor: Descriptor } | undefined> {
    const read = await this.#client.read(key, { maxBytes: MAX_ENTRY_BYTES, signal });
    if (read === undefined || read === 'unchanged') return undefined;
    return { subject, descriptor: parseEntry(read.bytes, `${this.#location}: ${key}`) };
  }
}
