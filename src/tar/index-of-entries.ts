import type { TarEntry, TarFile } from './entry.js';

/** What stands behind a path: files that must all have the same bytes, or the reason why it is not to be used. */
export type Found = { files: readonly TarFile[] } | { refused: string };

// Real chains have one link (docker, podman) or two; this only keeps a long chain from costing much.
const MAX_LINKS = 64;
// An entry's objects and its place in the map, besides its names.
const ENTRY_BYTES = 200;

/** The entries of a tar by path. */
export class EntryIndex {
  readonly #entries = new Map<string, TarEntry>();
  /** Further entries of a path that has several. */
  readonly #repeated = new Map<string, TarEntry[]>();
  #bytes = 0;
  /** Bytes behind the end of the tar, when they are not all zero. */
  trailingBytes = 0;
  /** Whether a path has a backslash, as some programs on Windows write for a slash. */
  hasBackslashes = false;

  /** About how much memory the index takes. */
  get bytes(): number {
    return this.#bytes;
  }

  add(entry: TarEntry): void {
    this.#bytes += ENTRY_BYTES + entry.path.length + (entry.kind === 'link' ? entry.target.length : 0);
    if (entry.path.includes('\\')) this.hasBackslashes = true;
    const first = this.#entries.get(entry.path);
    const others = this.#repeated.get(entry.path);
    if (first === undefined) this.#entries.set(entry.path, entry);
    else if (others !== undefined) others.push(entry);
    // A directory is named again by many writers.
    else if (entry.kind !== 'directory' || first.kind !== 'directory')
      this.#repeated.set(entry.path, [entry]);
  }

  paths(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Paths of several entries that are not all directories. */
  repeatedPaths(): Iterable<string> {
    return this.#repeated.keys();
  }

  /** How many paths there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** All entries: an index to which they are added in this order is like this one. */
  *entries(): Iterable<TarEntry> {
    for (const path of this.#entries.keys()) yield* this.at(path);
  }

  /** The files behind `path`, links followed; undefined for a directory and for what is not there. */
  find(path: string): Found | undefined {
    const seen = new Set<string>();
    for (let name = path; ; ) {
      const entries = this.at(name);
      const first = entries[0];
      if (first === undefined || first.kind === 'directory') {
        if (entries.some(({ kind }) => kind !== 'directory'))
          return { refused: 'is named by entries of different kinds' };
        return name === path
          ? undefined
          : { refused: `is a link to ${name}, which is not a file in the archive` };
      }
      if (first.kind === 'refused') return { refused: first.reason };
      if (first.kind === 'file') {
        const files = entries.filter((entry) => entry.kind === 'file');
        return files.length === entries.length
          ? { files }
          : { refused: 'is named by entries of different kinds' };
      }
      const { target } = first;
      if (!entries.every((entry) => entry.kind === 'link' && entry.target === target)) {
        return { refused: 'is a link that the archive names again as something else' };
      }
      seen.add(name);
      if (seen.has(target)) return { refused: 'is a circle of links' };
      if (seen.size > MAX_LINKS) return { refused: `is a chain of more than ${MAX_LINKS} links` };
      name = target;
    }
  }

  /** Every entry of exactly this path, in the order of the tar. */
  at(path: string): readonly TarEntry[] {
    const first = this.#entries.get(path);
    return first === undefined ? [] : [first, ...(this.#repeated.get(path) ?? [])];
  }
}
