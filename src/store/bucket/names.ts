import { setTimeout as delay } from 'node:timers/promises';
import type { Descriptor } from '../../content/descriptor.js';
import { digestOf } from '../../content/digest.js';
import { isLadingError, LadingError } from '../../errors.js';
import { type ListedObject, payloadOf, type S3Client } from '../../s3/client.js';
import { entryName, nameAnnotations } from '../layout/layout-index.js';
import { nameTakenIn } from '../name-taken.js';
import { type BucketName, formatEntry, MAX_ENTRY_BYTES, parseEntry } from './entry.js';
import { IndexedNames } from './indexed-names.js';
import type { BucketKeys } from './keys.js';

/** How long a list of names is used before the service is asked for another. */
const FRESH_MS = 5000;
/** Unknown names from which on it is worth a request to look into `index.json` for them. */
const MANY = 20;
/** Others may move a name between two requests; more often than this, something is wrong. */
const TRIES = 10;
const MAX_DELAY_MS = 1000;

/**
 * The names in a bucket, an object each: created if there is none, moved if it is still what it was. So writers of
 * different names never wait for each other, and of two writers of one name, none is lost unnoticed.
 */
export class BucketNames {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #location: string;
  /** What objects contain, by key; an object with the same ETag need not be read again. */
  readonly #known = new Map<string, BucketName>();
  readonly #indexed: IndexedNames;
  #listing: Promise<ListedObject[]> | undefined;
  #listedAt = 0;
  /** Versions of the objects in the last list. */
  #etags = new Map<string, string | undefined>();
  #versioned: { listed: readonly ListedObject[]; version: string } | undefined;

  constructor(client: S3Client, keys: BucketKeys, location: string) {
    this.#client = client;
    this.#keys = keys;
    this.#location = location;
    this.#indexed = new IndexedNames(client, keys);
  }

  /** Returns what a name stands for, at most as old as `FRESH_MS`; undefined if nobody gave it. */
  async find(name: string, signal?: AbortSignal): Promise<BucketName | undefined> {
    const key = this.#keys.name(name);
    const known = this.#known.get(key);
    const isCurrent = this.#isFresh && known?.etag !== undefined && known.etag === this.#etags.get(key);
    return isCurrent ? known : this.#read(key, known, signal);
  }

  /** Lists the objects of names, at most as old as `FRESH_MS`. */
  async listed(signal?: AbortSignal): Promise<ListedObject[]> {
    if (this.#listing === undefined || !this.#isFresh) {
      this.#listedAt = Date.now();
      const listing = this.#list(signal);
      this.#listing = listing;
      listing.catch(() => {
        if (this.#listing === listing) this.#listing = undefined;
      });
    }
    return this.#listing;
  }

  get #isFresh(): boolean {
    return this.#listing !== undefined && Date.now() - this.#listedAt <= FRESH_MS;
  }

  /** Returns a text that is another one after any name has changed. */
  async version(signal?: AbortSignal): Promise<string> {
    const listed = await this.listed(signal);
    if (listed !== this.#versioned?.listed) {
      const text = listed.map(({ key, etag, modified }) => `${key} ${etag} ${modified}`).join('\n');
      this.#versioned = { listed, version: digestOf(Buffer.from(text)) };
    }
    return this.#versioned.version;
  }

  /** Returns every name, in the order of their keys. */
  async all(signal?: AbortSignal): Promise<BucketName[]> {
    return this.#readAll(await this.listed(signal), signal);
  }

  /** Returns the names whose spelling fits. */
  async those(fits: (name: string) => boolean, signal?: AbortSignal): Promise<BucketName[]> {
    const listed = await this.listed(signal);
    const some = listed.filter(({ key }) => fits(this.#keys.nameIn(key) ?? ''));
    return this.#readAll(some, signal);
  }

  /**
   * Gives a name to a manifest. Rejects with `CONFLICT` if others keep moving it, and with `noClobber` with
   * `ALREADY_EXISTS` if it stands for something else; with `isAlone`, nothing is asked of the service that it might not
   * know.
   */
  async set(
    descriptor: Descriptor,
    name: string,
    {
      isAlone,
      noClobber = false,
      wait = delay,
    }: {
      isAlone: boolean;
      noClobber?: boolean | undefined;
      wait?: (delayMs: number) => Promise<unknown>;
    },
  ): Promise<void> {
    const key = this.#keys.name(name);
    const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...nameAnnotations(name) } };
    const bytes = formatEntry(entry);
    const requireFree = (held: BucketName | undefined): void => {
      if (noClobber && held !== undefined && held.entry.digest !== descriptor.digest)
        throw nameTakenIn(this.#location, name, held.entry.digest);
    };
    if (isAlone) requireFree(await this.find(name));
    let last: BucketName | undefined;
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const condition = isAlone ? undefined : last === undefined ? { isNew: true } : { etag: last.etag };
      const written = await this.#write(key, bytes, condition);
      if (written !== undefined) {
        this.#known.set(key, { key, entry, etag: written.etag });
        this.#listing = undefined;
        return;
      }
      const current = await this.#read(key, undefined);
      if (current !== undefined && formatEntry(current.entry).equals(bytes)) {
        this.#listing = undefined;
        return;
      }
      requireFree(current);
      // The first attempt is for a new name, which most are; that it is not new costs no waiting.
      if (attempt > 1) await wait(Math.random() * Math.min(MAX_DELAY_MS, 20 * 2 ** attempt));
      last = current;
    }
    throw new LadingError(
      'CONFLICT',
      `${name} of ${this.#location} was moved by others ${TRIES} times meanwhile`,
      {
        hint: 'Run the command again; if several programs write this name, decide which one does.',
      },
    );
  }

  /** Gives a name that nobody has given yet; a name that is there stays what it is. */
  async add(descriptor: Descriptor, name: string, { isAlone }: { isAlone: boolean }): Promise<void> {
    if (isAlone && (await this.find(name)) !== undefined) return;
    const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...nameAnnotations(name) } };
    await this.#write(this.#keys.name(name), formatEntry(entry), isAlone ? undefined : { isNew: true });
    this.#listing = undefined;
  }

  /** Removes a name, if it still is what it was; resolves with false if others have moved it. */
  async remove(
    { key, etag }: BucketName,
    { isAlone, signal }: { isAlone: boolean; signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const isDone = await this.#client.delete(key, { etag: isAlone ? undefined : etag, signal });
    this.#known.delete(key);
    this.#listing = undefined;
    // Some services say of an object that is not there any more that it is another one.
    return isDone || (await this.#read(key, undefined, signal)) === undefined;
  }

  async #write(
    key: string,
    bytes: Buffer,
    condition: { isNew?: boolean; etag?: string | undefined } | undefined,
  ): Promise<{ etag: string | undefined } | undefined> {
    try {
      return await this.#client.put(key, payloadOf(bytes), { condition, contentType: 'application/json' });
    } catch (error) {
      if (isLadingError(error, 'CONFLICT')) return undefined;
      throw error;
    }
  }

  async #list(signal?: AbortSignal): Promise<ListedObject[]> {
    const listed: ListedObject[] = [];
    for await (const object of this.#client.list(this.#keys.names, { signal }))
      if (this.#keys.nameIn(object.key) !== undefined) listed.push(object);
    this.#etags = new Map(listed.map(({ key, etag }) => [key, etag]));
    for (const key of this.#known.keys()) if (!this.#etags.has(key)) this.#known.delete(key);
    return listed;
  }

  async #readAll(listed: readonly ListedObject[], signal?: AbortSignal): Promise<BucketName[]> {
    const knownOf = ({ key, etag }: ListedObject): BucketName | undefined => {
      const known = this.#known.get(key);
      return known?.etag === etag && etag !== undefined ? known : undefined;
    };
    const unknown = listed.filter((object) => knownOf(object) === undefined);
    if (unknown.length >= MANY)
      for (const name of await this.#indexed.among(unknown, signal)) this.#known.set(name.key, name);
    const found = await Promise.all(
      listed.map((object) => knownOf(object) ?? this.#read(object.key, this.#known.get(object.key), signal)),
    );
    return found.filter((name) => name !== undefined);
  }

  async #read(
    key: string,
    known: BucketName | undefined,
    signal?: AbortSignal,
  ): Promise<BucketName | undefined> {
    const read = await this.#client.read(key, { maxBytes: MAX_ENTRY_BYTES, etag: known?.etag, signal });
    if (read === 'unchanged') return known;
    if (read === undefined) {
      this.#known.delete(key);
      return undefined;
    }
    const entry = parseEntry(read.bytes, `${this.#location}: ${key}`);
    const named = { key, entry: withName(entry, this.#keys.nameIn(key)), etag: read.etag };
    this.#known.set(key, named);
    return named;
  }
}

/** The key is the name, whatever the object says, unless that is another spelling of the same. */
function withName(entry: Descriptor, name: string | undefined): Descriptor {
  if (name === undefined || entryName(entry) !== undefined) return entry;
  return { ...entry, annotations: { ...entry.annotations, ...nameAnnotations(name) } };
}
