import { randomUUID } from 'node:crypto';
import { LadingError } from '../../errors.js';
import type { S3Client } from '../../s3/client.js';
import {
  type CollectionState,
  isOver,
  type KnownState,
  LEASE_MS,
  readState,
  writeState,
} from './collection-state.js';
import type { BucketKeys } from './keys.js';

export interface LeaseOptions {
  graceMs: number;
  /** Milliseconds of a clock that only goes forward. It may stand still while the machine is suspended. */
  ticks: () => number;
  /** Milliseconds since 1970, of a clock that may be set. */
  now: () => number;
  signal?: AbortSignal | undefined;
}

/** The right to collect: one run at a time has it, as long as it renews it. */
export class CollectionLease {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #options: LeaseOptions;
  #state: CollectionState;
  #etag: string;
  /** When the write began that gave the lease, by both clocks; the service counts from a later moment. */
  #since: Moment;

  private constructor(
    client: S3Client,
    keys: BucketKeys,
    options: LeaseOptions,
    taken: { state: CollectionState; etag: string; since: Moment },
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#options = options;
    this.#state = taken.state;
    this.#etag = taken.etag;
    this.#since = taken.since;
  }

  /** Takes the lease; rejects with `LOCKED` if another run has it. */
  static async take(client: S3Client, keys: BucketKeys, options: LeaseOptions): Promise<CollectionLease> {
    const { graceMs, signal } = options;
    const known = await readState(client, keys, options);
    if (!isOver(known)) throw held(keys, known);
    const state = {
      ...known.state,
      isRemoving: false,
      holder: randomUUID(),
      graceMs,
      beat: known.state.beat + 1,
    };
    const since = momentOf(options);
    const etag = await writeState(client, keys, state, known.etag, signal);
    if (etag === undefined) throw held(keys, await readState(client, keys, options));
    return new CollectionLease(client, keys, options, { state, etag, since });
  }

  /** Milliseconds for which the lease is good if it is not renewed. */
  get leftMs(): number {
    const { ticks, now } = momentOf(this.#options);
    return LEASE_MS - Math.max(ticks - this.#since.ticks, now - this.#since.now);
  }

  /** Renews the lease when a third of it is over; to be called often. Rejects with `LOCKED` if it is lost. */
  async keep(): Promise<void> {
    if (this.leftMs > (LEASE_MS * 2) / 3) return;
    await this.#write({});
  }

  /** Throws `LOCKED` if the lease is over. */
  require(): void {
    if (this.leftMs <= 0) throw lost(this.#keys);
  }

  /** From now on, writers do not rely on what they find. */
  async beginRemoving(): Promise<void> {
    await this.#write({ epoch: randomUUID(), isRemoving: true });
  }

  /** Gives the lease back. Must not be called while a request to remove may be on its way. */
  async release(): Promise<void> {
    await this.#write({ isRemoving: false, holder: undefined });
  }

  async #write(change: Partial<CollectionState>): Promise<void> {
    this.require();
    const state = { ...this.#state, ...change, beat: this.#state.beat + 1 };
    const since = momentOf(this.#options);
    const etag = await writeState(this.#client, this.#keys, state, this.#etag);
    if (etag === undefined) throw lost(this.#keys);
    this.#state = state;
    this.#etag = etag;
    this.#since = since;
  }
}

/** A moment by both clocks. */
interface Moment {
  ticks: number;
  now: number;
}

function momentOf({ ticks, now }: LeaseOptions): Moment {
  return { ticks: ticks(), now: now() };
}

function held({ collection }: BucketKeys, { state, ageMs }: KnownState): LadingError {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  return new LadingError(
    'LOCKED',
    `another run (${state.holder ?? 'one that has just ended'}) collects here`,
    {
      hint: `It has said so ${seconds} s ago, in ${collection}. If it was killed, it counts as gone 40 minutes after that.`,
    },
  );
}

function lost({ collection }: BucketKeys): LadingError {
  return new LadingError(
    'LOCKED',
    `the lease in ${collection} was lost: this run was suspended for too long, or its clock was set`,
    {
      hint: 'Nothing more is removed. Run the command again.',
    },
  );
}
