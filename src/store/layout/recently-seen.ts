import { RecentlyUsed } from '../../content/recently-used.js';

/** How long what was seen on a disk is taken to be there still. */
const SEEN_MS = 1000;
/** Some 300 bytes each. */
const MOST_SEEN = 10_000;

/** What was found on a disk a moment ago, so that not every request looks for it; what was not found is looked for again. */
export class RecentlySeen<Key, Value> {
  #seen = new RecentlyUsed<Key, { value: Value; at: number }>(MOST_SEEN);
  readonly #now: () => number;

  constructor({ now = () => performance.now() }: { now?: () => number } = {}) {
    this.#now = now;
  }

  async get<Found extends Value | undefined>(key: Key, look: () => Promise<Found>): Promise<Value | Found> {
    const at = this.#now(); // before the look
    const seen = this.#seen.get(key);
    if (seen !== undefined && at - seen.at < SEEN_MS) return seen.value;
    const before = this.#seen;
    const value = await look();
    // What was seen before all was forgotten is forgotten too.
    if (value !== undefined && before === this.#seen) this.#seen.set(key, { value, at });
    return value;
  }

  forget(): void {
    this.#seen = new RecentlyUsed(MOST_SEEN);
  }
}
