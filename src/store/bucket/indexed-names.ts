import type { Descriptor } from '../../content/descriptor.js';
import { isLadingError } from '../../errors.js';
import { readLayoutIndex } from '../../manifest/layout-documents.js';
import type { ListedObject, S3Client } from '../../s3/client.js';
import { entryName, MAX_INDEX_BYTES } from '../layout/layout-index.js';
import { createMd5 } from './content-etag.js';
import { type BucketName, formatEntry } from './entry.js';
import type { BucketKeys } from './keys.js';

/**
 * Reads names from `index.json`, with one request instead of one for each. An entry counts only if the object of its name
 * has just these bytes: most services give their MD5 as its ETag. (Amazon S3, Common Response Headers: unless it was
 * encrypted with keys of KMS or of the customer.) So an index that is older than the names misleads nobody.
 */
export class IndexedNames {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  /** Version of the index that was read last: it has nothing more to say. */
  #etag: string | undefined;
  #isUnreadable = false;

  constructor(client: S3Client, keys: BucketKeys) {
    this.#client = client;
    this.#keys = keys;
  }

  /** Returns those of the listed names that an index which was not read before has as they are. */
  async among(listed: readonly ListedObject[], signal?: AbortSignal): Promise<BucketName[]> {
    const etags = new Map(listed.map(({ key, etag }) => [key, etag]));
    const names: BucketName[] = [];
    for (const entry of await this.#entries(signal)) {
      const name = entryName(entry);
      if (name === undefined) continue;
      const key = this.#keys.name(name);
      const etag = etags.get(key);
      const md5 = createMd5();
      if (md5 === undefined) return [];
      if (etag === `"${md5.update(formatEntry(entry)).digest('hex')}"`) names.push({ key, entry, etag });
    }
    return names;
  }

  async #entries(signal: AbortSignal | undefined): Promise<readonly Descriptor[]> {
    if (this.#isUnreadable) return [];
    try {
      const index = await this.#client.read(this.#keys.index, {
        maxBytes: MAX_INDEX_BYTES,
        etag: this.#etag,
        signal,
      });
      if (index === undefined || index === 'unchanged') return [];
      const { entries } = readLayoutIndex(index.bytes, this.#keys.index);
      this.#etag = index.etag;
      return entries;
    } catch (error) {
      // The names themselves are read instead. Those who read the index as a layout get its error.
      if (!isLadingError(error, 'INVALID_LAYOUT', 'TOO_LARGE')) throw error;
      this.#isUnreadable = true;
      return [];
    }
  }
}
