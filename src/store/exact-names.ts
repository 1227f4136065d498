import type { Descriptor } from '../content/descriptor.js';
import { namesOf } from './layout/layout-index.js';

/**
 * Finds entries by their exact names. An untrusted index may have a hundred thousand entries, and each is looked up.
 */
export class ExactNames {
  readonly #entries: readonly Descriptor[];
  readonly #byDigest = new Map<string, Descriptor>();
  /** Entries by `ref.name`; null if the name stands for several images. */
  readonly #byName = new Map<string, Descriptor | null>();

  constructor(entries: readonly Descriptor[]) {
    this.#entries = entries;
    for (const entry of entries) {
      if (!this.#byDigest.has(entry.digest)) this.#byDigest.set(entry.digest, entry);
      const name = namesOf(entry).ref;
      if (name === undefined) continue;
      const other = this.#byName.get(name);
      if (other === undefined) this.#byName.set(name, entry);
      else if (other?.digest !== entry.digest) this.#byName.set(name, null);
    }
  }

  /** True if this was made for these entries. */
  isOf(entries: readonly Descriptor[]): boolean {
    return this.#entries === entries;
  }

  /** Returns undefined if a name must be searched for in other ways, or stands for several images. */
  find(reference: string): Descriptor | undefined {
    return this.#byDigest.get(reference) ?? this.#byName.get(reference) ?? undefined;
  }
}
