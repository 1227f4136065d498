import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Descriptor } from '../../content/descriptor.js';
import { ContentError, isLadingError, LadingError } from '../../errors.js';
import { type ListedObject, type S3Client, unchanged } from '../../s3/client.js';
import { entryName, nameAnnotations } from '../layout/layout-index.js';
import { nameTakenIn } from '../name-taken.js';
import { type BucketName, damagedName, formatEntry, MAX_ENTRY_BYTES, parseEntry } from './entry.js';
import { FreshList, versionOf } from './fresh-list.js';
import { IndexedNames } from './indexed-names.js';
import type { BucketKeys } from './keys.js';
import { tryWrite } from './try-write.js';

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
  readonly #list = new FreshList((signal) => this.#readList(signal));
  /** Versions of the objects in the last list. */
  #etags = new Map<string, string | undefined>();
  #versioned: { listed: readonly ListedObject[]; version: string } | undefined;

  /** Keys of what says that another tool's images are getting names, as the last list has them. */
  #adoptions: readonly string[] = [];

  constructor(client: S3Client, keys: BucketKeys, location: string) {
    this.#client = client;
    this.#keys = keys;
    this.#location = location;
    this.#indexed = new IndexedNames(client, keys);
  }

  /** Returns what a name stands for, as it was at most 5 s ago; undefined if nobody gave it. */
  async find(name: string, signal?: AbortSignal): Promise<BucketName | undefined> {
    const key = this.#keys.name(name);
    const known = this.#known.get(key);
    const isCurrent = this.#list.isFresh && known?.etag !== undefined && known.etag === this.#etags.get(key);
    return isCurrent ? known : whole(await this.#read(key, known, signal));
  }

  /** Lists the objects of names, as they were at most 5 s ago. */
  async listed(signal?: AbortSignal): Promise<ListedObject[]> {
    return this.#list.get(signal);
  }

  /** True if another tool's images are getting names, or a program was killed that gave them. */
  async areAdopting(signal?: AbortSignal): Promise<boolean> {
    await this.listed(signal);
    return this.#adoptions.length > 0;
  }

  /**
   * Says that another tool's images get names, before the first of them. Resolves with the keys of what says so, this run's
   * and others', and with whether they have got all of their names meanwhile.
   */
  async beginAdopting(): Promise<{ adoptions: readonly string[]; isOver: boolean }> {
    const own = `${this.#keys.adoptions}${randomUUID()}`;
    await tryWrite(this.#client, own, Buffer.from('{}'), undefined);
    this.#list.forget();
    const isNamed = (await this.listed()).length > 0;
    const others = this.#adoptions.filter((key) => key !== own);
    return { adoptions: [own, ...others], isOver: isNamed && others.length === 0 };
  }

  /** Says that all of them have names. */
  async endAdopting(adoptions: readonly string[]): Promise<void> {
    for (const key of adoptions) await this.#client.delete(key);
    this.#list.forget();
  }

  /** Returns a text that is another one after any name has changed. */
  async version(signal?: AbortSignal): Promise<string> {
    const listed = await this.listed(signal);
    if (listed !== this.#versioned?.listed) {
      this.#versioned = { listed, version: versionOf(listed) };
    }
    return this.#versioned.version;
  }

  /** Returns every name, in the order of their keys; rejects with `INVALID_LAYOUT` if the object of one is damaged. */
  async all(signal?: AbortSignal): Promise<BucketName[]> {
    return (await this.allAsTheyAre(signal)).map(whole);
  }

  /** Returns every name, also those whose object is damaged. */
  async allAsTheyAre(signal?: AbortSignal): Promise<BucketName[]> {
    return this.#readAll(await this.listed(signal), signal);
  }

  /** Returns the names whose spelling fits. */
  async those(fits: (name: string) => boolean, signal?: AbortSignal): Promise<BucketName[]> {
    const listed = await this.listed(signal);
    const some = listed.filter(({ key }) => fits(this.#keys.nameIn(key) ?? ''));
    return (await this.#readAll(some, signal)).map(whole);
  }

  /**
   * Gives a name to a manifest; one whose object is damaged is given anew. Rejects with `CONFLICT` if others keep moving
   * it, and with `noClobber` with `ALREADY_EXISTS` if it stands for something else, and with `INVALID_LAYOUT` if it is
   * unknown for what. A service without conditional writes has to have a single writer.
   */
  async set(
    descriptor: Descriptor,
    name: string,
    {
      hasConditions,
      noClobber = false,
      wait = delay,
    }: {
      hasConditions: boolean;
      noClobber?: boolean | undefined;
      wait?: (delayMs: number) => Promise<unknown>;
    },
  ): Promise<void> {
    const key = this.#keys.name(name);
    const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...nameAnnotations(name) } };
    const bytes = formatEntry(entry);
    const requireFree = (held: BucketName | undefined): void => {
      if (noClobber && held !== undefined && whole(held).entry.digest !== descriptor.digest)
        throw nameTakenIn(this.#location, name, held.entry.digest);
    };
    if (!hasConditions) requireFree(await this.#read(key, undefined));
    let last: BucketName | undefined;
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const condition = hasConditions ? unchanged(last) : undefined;
      const written = await tryWrite(this.#client, key, bytes, condition);
      if (written !== undefined) {
        this.#known.set(key, { key, entry, etag: written.etag });
        this.#list.forget();
        return;
      }
      const current = await this.#read(key, undefined);
      if (current !== undefined && formatEntry(current.entry).equals(bytes)) {
        this.#list.forget();
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
  async add(
    descriptor: Descriptor,
    name: string,
    { hasConditions }: { hasConditions: boolean },
  ): Promise<void> {
    const key = this.#keys.name(name);
    if (!hasConditions && (await this.#read(key, undefined)) !== undefined) return;
    const entry = { ...descriptor, annotations: { ...descriptor.annotations, ...nameAnnotations(name) } };
    const condition = hasConditions ? { isNew: true } : undefined;
    await tryWrite(this.#client, key, formatEntry(entry), condition);
    this.#list.forget();
  }

  /** Removes a name, if it still is what it was; resolves with false if others have moved it. */
  async remove(
    { key, etag }: BucketName,
    { hasConditions, signal }: { hasConditions: boolean; signal?: AbortSignal | undefined },
  ): Promise<boolean> {
    const isDone = await this.#client.delete(key, { etag: hasConditions ? etag : undefined, signal });
    this.#known.delete(key);
    this.#list.forget();
    // Some services say of an object that is not there any more that it is another one.
    return isDone || (await this.#read(key, undefined, signal)) === undefined;
  }

  async #readList(signal?: AbortSignal): Promise<ListedObject[]> {
    const listed: ListedObject[] = [];
    const adoptions: string[] = [];
    for await (const object of this.#client.list(this.#keys.names, { signal })) {
      if (this.#keys.nameIn(object.key) !== undefined) listed.push(object);
      if (this.#keys.isAdoption(object.key)) adoptions.push(object.key);
    }
    this.#adoptions = adoptions;
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
    let etag: string | undefined;
    try {
      const read = await this.#client.read(key, { maxBytes: MAX_ENTRY_BYTES, etag: known?.etag, signal });
      if (read === 'unchanged') return known;
      if (read === undefined) {
        this.#known.delete(key);
        return undefined;
      }
      etag = read.etag;
      const entry = parseEntry(read.bytes, this.#labelOf(key));
      const named = { key, entry: withName(entry, this.#keys.nameIn(key)), etag };
      this.#known.set(key, named);
      return named;
    } catch (error) {
      if (!isLadingError(error, 'INVALID_LAYOUT', 'TOO_LARGE')) throw error;
      if (error.code === 'TOO_LARGE') {
        const head = await this.#client.head(key, { signal });
        // Another program may have given it anew since.
        if (head === undefined || head.size <= MAX_ENTRY_BYTES) return this.#read(key, undefined, signal);
        etag = head.etag;
      }
      const name = this.#keys.nameIn(key) ?? key;
      const message =
        error.code === 'TOO_LARGE' ? `${this.#labelOf(key)} is too large for a name` : error.message;
      const damage = new ContentError('INVALID_LAYOUT', message, {
        remedy: 'removeName',
        remedyFor: `${this.#location} ${name}`,
        cause: error,
      });
      return damagedName({ key, name, etag }, damage);
    }
  }

  #labelOf(key: string): string {
    return `${this.#location}: the name ${this.#keys.nameIn(key)} (${key})`;
  }
}

/** Throws the reason if the object of a name is damaged. */
export function whole<N extends BucketName | undefined>(name: N): N {
  if (name?.damage !== undefined) throw name.damage;
  return name;
}

/** The key is the name, whatever the object says, unless that is another spelling of the same. */
function withName(entry: Descriptor, name: string | undefined): Descriptor {
  if (name === undefined || entryName(entry) !== undefined) return entry;
  return { ...entry, annotations: { ...entry.annotations, ...nameAnnotations(name) } };
}
