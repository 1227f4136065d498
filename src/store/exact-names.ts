import type { Descriptor } from '../content/descriptor.js';
import { namesOf } from './layout/layout-index.js';

/** Entries by what names them exactly: an index of a stranger may have a hundred thousand, and each is asked for. */
export class ExactNames {
  readonly #entries: readonly Descriptor[];
  readonly #byDigest = new Map<string, Descriptor>();
  /** By `ref.name`; null where it stands for several images. */
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

  /** Whether this is about these entries, as they are now. */
  isOf(entries: readonly Descriptor[]): boolean {
    return this.#entries === entries;
  }

  /** Undefined where a name has to be looked for in other ways, or stands for several images. */
  find(reference: string): Descriptor | undefined {
    return this.#byDigest.get(reference) ?? this.#byName.get(reference) ?? undefined;
  }
}
