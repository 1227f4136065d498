import type { Descriptor } from '../../content/descriptor.js';
import { nameByTag, nameKey, readName } from '../../content/names.js';
import { entryName } from './layout-index.js';
import { claimedNames } from './name-conflicts.js';

/** The entries of an index by name, for other parts of an archive that name images. */
export class EntriesByName {
  readonly #byName = new Map<string, Descriptor[]>();
  readonly #byTaggedName = new Map<string, Descriptor[]>();
  /** Entries whose only name is a tag. */
  readonly #byTag = new Map<string, Descriptor[]>();

  constructor(entries: readonly Descriptor[]) {
    for (const entry of entries) {
      for (const key of claimedNames(entry)) add(this.#byName, key, entry);
      const name = entryName(entry);
      if (name === undefined) continue;
      add(this.#byTaggedName, nameKey(nameByTag(name)), entry);
      if (readName(name).kind === 'tag') add(this.#byTag, name, entry);
    }
  }

  /**
   * Returns the entries that a full name stands for. Docker's archives have no digests in names, so `app:1` also stands
   * for `app:1@sha256:…` if nothing else has that tag.
   */
  at(name: string): readonly Descriptor[] {
    return this.#byName.get(name) ?? this.#byTaggedName.get(name) ?? [];
  }

  /** Returns the entries whose only name is the tag of a full name. */
  withTagOf(name: string): readonly Descriptor[] {
    const read = readName(name);
    return (read.kind === 'image' && read.reference.tag && this.#byTag.get(read.reference.tag)) || [];
  }
}

function add(lists: Map<string, Descriptor[]>, key: string, entry: Descriptor): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}
