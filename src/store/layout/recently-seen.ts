import { RecentlyUsed } from '../../content/recently-used.js';

/** How long something found on the disk is assumed to exist. */
const SEEN_MS = 1000;
/** Entries take some 300 bytes each. */
const MOST_SEEN = 10_000;

/**
 * Remembers what was found on a disk a moment ago, so that not every request looks for it; misses are not remembered.
 */
export class RecentlySeen<Key, Value> {
  #seen = new RecentlyUsed<Key, { value: Value; at: number }>(MOST_SEEN);
  readonly #now: () => number;

  constructor({ now = () => performance.now() }: { now?: () => number } = {}) {
    this.#now = now;
  }

  async get<Found extends Value | undefined>(key: Key, look: () => Promise<Found>): Promise<Value | Found> {
    const at = this.#now(); // taken before the look
    const seen = this.#seen.get(key);
    if (seen !== undefined && at - seen.at < SEEN_MS) return seen.value;
    const before = this.#seen;
    const value = await look();
    // Do not store a value that was read before forget() was called.
    if (value !== undefined && before === this.#seen) this.#seen.set(key, { value, at });
    return value;
  }

  forget(): void {
    this.#seen = new RecentlyUsed(MOST_SEEN);
  }
}
