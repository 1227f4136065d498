import { type LayoutIndexContent, readLayoutIndex } from '../../manifest/layout-documents.js';
import type { S3Client } from '../../s3/client.js';
import { MAX_INDEX_BYTES } from '../layout/layout-index.js';
import { FreshList } from './fresh-list.js';
import type { BucketKeys } from './keys.js';

/** `index.json` as another tool has put it into a bucket, which may write it again. */
export class ForeignIndex {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #location: string;
  readonly #fresh = new FreshList((signal) => this.#read(signal));
  #known: { etag: string | undefined; content: LayoutIndexContent } | undefined;

  constructor(client: S3Client, keys: BucketKeys, location: string) {
    this.#client = client;
    this.#keys = keys;
    this.#location = location;
  }

  /** Returns it as it was at most 5 s ago, and the same object as long as it does not change; undefined if there is none. */
  async get(signal?: AbortSignal): Promise<LayoutIndexContent | undefined> {
    return this.#fresh.get(signal);
  }

  async #read(signal?: AbortSignal): Promise<LayoutIndexContent | undefined> {
    const etag = this.#known?.etag;
    const read = await this.#client.read(this.#keys.index, { maxBytes: MAX_INDEX_BYTES, etag, signal });
    if (read === 'unchanged') return this.#known?.content;
    if (read === undefined) return undefined;
    const content = readLayoutIndex(read.bytes, `${this.#location}: index.json`);
    this.#known = { etag: read.etag, content };
    return content;
  }
}
