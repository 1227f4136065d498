/** A cache that keeps the most recently used values up to a total weight, and drops the others. */
export class RecentlyUsed<Key, Value> {
  readonly #maxWeight: number;
  readonly #weigh: (value: Value) => number;
  /** A Map keeps its keys in order of insertion, so the first is the least recently used. */
  readonly #values = new Map<Key, Value>();
  #weight = 0;

  constructor(maxWeight: number, weigh: (value: Value) => number = () => 1) {
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.delete(key);
    this.#values.set(key, value);
    this.#weight += this.#weigh(value);
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#maxWeight) break;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const value = this.#values.get(key);
    if (value === undefined || !this.#values.delete(key)) return;
    this.#weight -= this.#weigh(value);
  }
}
