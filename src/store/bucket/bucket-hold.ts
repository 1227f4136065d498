import { randomUUID } from 'node:crypto';
import { type Descriptor, plainDescriptor } from '../../content/descriptor.js';
import { payloadOf, type S3Client } from '../../s3/client.js';
import { formatLayoutIndex } from '../layout/layout-index.js';
import { isOver, type KnownState, readState } from './collection-state.js';
import type { BucketKeys } from './keys.js';

export interface HoldOptions {
  now: () => number;
  wait: (delayMs: number, signal: AbortSignal | undefined) => Promise<void>;
  onWarning: (message: string) => void;
}

/** How often a writer looks whether a collection has ended, in milliseconds. */
const POLL_MS = 2000;

/**
 * Keeps collections of garbage from removing what a writer needs. The writer first writes what that is (an object below
 * `holds/`, and later names), then reads whether content is being removed. A collection first writes that it removes, then
 * reads what is needed. So one of the two always notices the other.
 */
export class BucketHold {
  readonly #client: S3Client;
  readonly #keys: BucketKeys;
  readonly #options: HoldOptions;
  /** While the bucket has the same, nothing was removed since; undefined if nothing is known. */
  #epoch: string | undefined;
  #graceMs = 0;
  #key: string | undefined;

  constructor(client: S3Client, keys: BucketKeys, options: HoldOptions) {
    this.#client = client;
    this.#keys = keys;
    this.#options = options;
  }

  /** To be called before anything is looked for. */
  async begin(signal?: AbortSignal): Promise<void> {
    const known = await this.#read(signal);
    this.#epoch = isQuiet(known) ? known.state.epoch : undefined;
    this.#graceMs = known.state.graceMs;
  }

  /** True if an object is so old that a collection might remove it before this writer has named it. */
  isOld(modified: number | undefined): boolean {
    return modified !== undefined && this.#options.now() - modified > this.#graceMs / 2;
  }

  /** Keeps what is under `roots`. Resolves with whether everything that was found before is there still. */
  async hold(roots: readonly Descriptor[], signal?: AbortSignal): Promise<boolean> {
    if (this.#key === undefined) {
      const key = this.#keys.hold(randomUUID());
      const payload = payloadOf(formatLayoutIndex(roots.map(plainDescriptor)));
      await this.#client.put(key, payload, { contentType: 'application/json', signal });
      this.#key = key;
    }
    const { epoch } = (await this.#quietState(signal)).state;
    const isSame = epoch === this.#epoch;
    this.#epoch = epoch;
    return isSame;
  }

  /** To be called when everything is named. */
  async end(): Promise<void> {
    if (this.#key === undefined) return;
    await this.#client.delete(this.#key);
    this.#key = undefined;
  }

  /** Waits until nothing is being removed. */
  async #quietState(signal: AbortSignal | undefined): Promise<KnownState> {
    for (let hasWarned = false; ; hasWarned = true) {
      const known = await this.#read(signal);
      if (isQuiet(known)) return known;
      if (!hasWarned)
        this.#options.onWarning(`waiting for the end of a collection of garbage (${this.#keys.collection})`);
      await this.#options.wait(POLL_MS, signal);
    }
  }

  #read(signal: AbortSignal | undefined): Promise<KnownState> {
    return readState(this.#client, this.#keys, { signal, now: this.#options.now });
  }
}

function isQuiet(known: KnownState): boolean {
  return !known.state.isRemoving || isOver(known);
}
