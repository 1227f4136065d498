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
  /** Milliseconds of a clock that only goes forward. */
  ticks: () => number;
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
  /** When the write began that gave the lease; the service counts from a later moment. */
  #since: number;

  private constructor(
    client: S3Client,
    keys: BucketKeys,
    options: LeaseOptions,
    taken: { state: CollectionState; etag: string; since: number },
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
    const { graceMs, ticks, signal } = options;
    const known = await readState(client, keys, options);
    if (!isOver(known)) throw held(keys, known);
    const state = {
      ...known.state,
      isRemoving: false,
      holder: randomUUID(),
      graceMs,
      beat: known.state.beat + 1,
    };
    const since = ticks();
    const etag = await writeState(client, keys, state, known.etag, signal);
    if (etag === undefined) throw held(keys, await readState(client, keys, options));
    return new CollectionLease(client, keys, options, { state, etag, since });
  }

  /** Milliseconds for which the lease is good if it is not renewed. */
  get leftMs(): number {
    return this.#since + LEASE_MS - this.#options.ticks();
  }

  /** Renews the lease when a third of it is over; to be called often. Rejects with `LOCKED` if it is lost. */
  async keep(): Promise<void> {
    if (this.leftMs > (LEASE_MS * 2) / 3) return;
    await this.#write({});
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
    if (this.leftMs <= 0) throw lost(this.#keys);
    const state = { ...this.#state, ...change, beat: this.#state.beat + 1 };
    const since = this.#options.ticks();
    const etag = await writeState(this.#client, this.#keys, state, this.#etag);
    if (etag === undefined) throw lost(this.#keys);
    this.#state = state;
    this.#etag = etag;
    this.#since = since;
  }
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
    `the lease in ${collection} was lost: this run was suspended for too long`,
    {
      hint: 'Nothing more is removed. Run the command again.',
    },
  );
}
