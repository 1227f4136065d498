import type { Digest } from '../../content/digest.js';
import { isLadingError, RegistryError } from '../../errors.js';
import { wait as waitByTimer } from '../../registry/http/abort.js';
import { payloadOf, type RemoveOptions, type S3Client } from '../../s3/client.js';
import type { KnownNeeds } from '../mark.js';
import { type Amount, amountOf, type PruneReport } from '../prune-report.js';
import { type Found, lookAround, type OldObject } from './bucket-look.js';
import type { BucketSource } from './bucket-source.js';
import { CollectionLease } from './collection-lease.js';
import { LEASE_MS, readState } from './collection-state.js';
import { formatCondemned, parseCondemned } from './condemned.js';
import type { BucketKeys } from './keys.js';
import { endStaleUploads } from './stale-uploads.js';

export interface CollectOptions {
  /** Content younger than this stays, in milliseconds. */
  graceMs: number;
  /** Time between the two marks, in milliseconds. */
  waitMs: number;
  /** Say what would be removed, and write nothing; default false. */
  dryRun?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called when it is known what will be removed after the wait. */
  onCondemned?: ((amount: Amount) => void) | undefined;
  /** Called if something could not be looked at, and stays. */
  onWarning?: ((message: string) => void) | undefined;
  /** Awaited before the first object is removed, with what was condemned and may still be spared. */
  beforeRemoving?: ((condemned: ReadonlySet<Digest>) => Promise<void>) | undefined;
  /** Milliseconds since 1970. */
  now?: (() => number) | undefined;
  /** Milliseconds of a clock that only goes forward. It may stand still while the machine is suspended. */
  ticks?: (() => number) | undefined;
  wait?: ((delayMs: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** One request removes so many; the lease is looked at before each. */
const BATCH = 1000;
/** As many are removed at a time by services that remove one in a request. */
const ONES_AT_ONCE = 16;
const PAUSE_MS = LEASE_MS / 10;
const MAX_CONDEMNED_BYTES = 256 * 1024 * 1024;

type Failure = PruneReport['failures'][number];
type Doomed = Found['old'][number];

/**
 * Removes from a bucket what no name leads to and is older than the grace. It is condemned first; after a while everything
 * is marked again, and only what nobody has named or written anew since is removed. Any number of writers may be at work
 * (see `BucketHold`). Rejects with `MISSING_CONTENT`, and removes nothing, if a manifest that is needed cannot be read, and
 * with `LOCKED` if another run collects.
 */
export class BucketCollector {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #location: string;
  readonly #options: CollectOptions;
  readonly #known: KnownNeeds = new Map();
  #lease: CollectionLease | undefined;
  /** A request to remove may have been sent whose end is unknown. */
  #isUncertain = false;

  constructor({ client, keys, location }: BucketSource, options: CollectOptions) {
    this.#client = client;
    this.#keys = keys;
    this.#location = location;
    this.#options = options;
  }

  async collect(): Promise<PruneReport> {
    const {
      graceMs,
      dryRun = false,
      signal,
      now = Date.now,
      ticks = () => performance.now(),
    } = this.#options;
    if (dryRun) {
      const serverTime = await this.#serverTime();
      const found = await this.#look(serverTime);
      return { ...reportOf(found, found.old), unfinished: await this.#endUploads(serverTime) };
    }
    const lease = await CollectionLease.take(this.#client, this.#keys, { graceMs, now, ticks, signal });
    this.#lease = lease;
    let report: PruneReport;
    try {
      report = await this.#collect(lease);
    } catch (error) {
      // Otherwise it counts as held until nothing that was sent can arrive any more.
      if (!this.#isUncertain) await lease.release().catch(() => undefined);
      throw error;
    }
    await lease.release();
    return report;
  }

  async #collect(lease: CollectionLease): Promise<PruneReport> {
    const { onCondemned, beforeRemoving, waitMs, signal } = this.#options;
    const serverTime = await this.#serverTime();
    const first = await this.#look(serverTime);
    const { old, leftovers } = first;
    const unfinished = await this.#endUploads(serverTime);
    if (old.length === 0 && leftovers.length === 0) return { ...reportOf(first, []), unfinished };
    const since = await this.#condemn([...old, ...leftovers], serverTime);
    onCondemned?.(amountOf(old));
    await this.#pause(lease, since + waitMs - serverTime);
    await beforeRemoving?.(new Set([...old, ...leftovers].flatMap(({ digest }) => digest ?? [])));
    await lease.beginRemoving();
    const last = await this.#look(await this.#serverTime());
    const condemned = new Map([...old, ...leftovers].map(({ key, modified }) => [key, modified]));
    const isDoomed = ({ key, modified }: OldObject): boolean => condemned.get(key) === modified;
    const doomed = last.old.filter(isDoomed);
    const failures: Failure[] = [];
    for (let start = 0; start < doomed.length; start += BATCH) {
      signal?.throwIfAborted();
      failures.push(...(await this.#remove(lease, doomed.slice(start, start + BATCH))));
    }
    // What points to a manifest goes after it: an attachment that nothing points to would be lost.
    const isSpared = new Set(last.old.filter((one) => !isDoomed(one)).map(({ digest }) => digest));
    const pointers = last.leftovers.filter(
      (one) => isDoomed(one) && (one.digest === undefined || !isSpared.has(one.digest)),
    );
    for (let start = 0; start < pointers.length; start += BATCH)
      await this.#remove(lease, pointers.slice(start, start + BATCH));
    await this.#client.delete(this.#keys.condemned);
    const keys = new Set(doomed.map(({ key }) => key));
    const failed = new Set(failures.map(({ key }) => key));
    const removed = doomed.filter(({ key }) => !failed.has(key));
    return {
      ...reportOf(last, removed),
      spared: amountOf(old.filter(({ key }) => !keys.has(key))),
      unfinished,
      failures,
    };
  }

  #look(serverTime: number): Promise<Found> {
    const { graceMs, signal } = this.#options;
    return lookAround(this.#client, this.#keys, this.#location, {
      graceMs,
      serverTime,
      known: this.#known,
      signal,
      keep: async () => this.#lease?.keep(),
    });
  }

  #endUploads(serverTime: number): Promise<Amount> {
    const { graceMs, dryRun = false, signal, onWarning = () => undefined } = this.#options;
    return endStaleUploads(this.#client, this.#keys, { graceMs, serverTime, dryRun, signal, onWarning });
  }

  async #serverTime(): Promise<number> {
    const { signal, now = Date.now } = this.#options;
    return (await readState(this.#client, this.#keys, { signal, now })).serverTime;
  }

  /** Writes what will be removed, for people, and for the next run if this one is ended. Resolves with since when. */
  async #condemn(objects: readonly OldObject[], serverTime: number): Promise<number> {
    const { signal } = this.#options;
    const read = await this.#client.read(this.#keys.condemned, { maxBytes: MAX_CONDEMNED_BYTES, signal });
    const earlier = read === undefined || read === 'unchanged' ? undefined : parseCondemned(read.bytes);
    if (earlier !== undefined && objects.every(({ key, modified }) => earlier.objects.get(key) === modified))
      return earlier.at;
    const payload = payloadOf(formatCondemned(objects, serverTime));
    await this.#client.put(this.#keys.condemned, payload, { contentType: 'application/json', signal });
    return serverTime;
  }

  async #pause(lease: CollectionLease, waitMs: number): Promise<void> {
    const { wait = waitByTimer, signal } = this.#options;
    for (let leftMs = waitMs; leftMs > 0; leftMs -= PAUSE_MS) {
      await wait(Math.min(leftMs, PAUSE_MS), signal);
      await lease.keep();
    }
  }

  /** Removes objects; a request that might arrive after the end of the lease is not sent, or given up. */
  async #remove(lease: CollectionLease, objects: readonly OldObject[]): Promise<Failure[]> {
    await lease.keep();
    const options: RemoveOptions = {
      signal: AbortSignal.timeout(Math.max(0, Math.floor(lease.leftMs))),
      // That timer stands still while the machine is suspended.
      beforeSigning: () => lease.require(),
    };
    const keys = objects.map(({ key }) => key);
    try {
      return await this.#client.deleteAll(keys, options);
    } catch (error) {
      if (isLadingError(error, 'UNSUPPORTED')) return this.#removeEach(keys, options);
      this.#isUncertain = !wasRefused(error);
      throw error;
    }
  }

  /** For services that remove one object in a request. */
  async #removeEach(keys: readonly string[], options: RemoveOptions): Promise<Failure[]> {
    try {
      for (let start = 0; start < keys.length; start += ONES_AT_ONCE)
        await settled(
          keys.slice(start, start + ONES_AT_ONCE).map((key) => this.#client.delete(key, options)),
        );
    } catch (error) {
      this.#isUncertain = !wasRefused(error);
      throw error;
    }
    return [];
  }
}

/** Waits for all of them, and rejects with the first failure. */
async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises))
    if (result.status === 'rejected') throw result.reason;
}

/** True if the service has said that it did nothing. */
function wasRefused(error: unknown): boolean {
  return (
    error instanceof RegistryError && error.status !== undefined && error.status >= 400 && error.status < 500
  );
}

function reportOf({ names, kept, young }: Found, removed: readonly Doomed[]): PruneReport {
  return {
    names,
    kept,
    young,
    removed: removed.map(({ digest, size }) => ({ digest, size })),
    spared: { blobs: 0, bytes: 0 },
    unfinished: { blobs: 0, bytes: 0 },
    failures: [],
  };
}
