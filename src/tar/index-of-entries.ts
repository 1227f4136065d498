import type { TarEntry, TarFile } from './entry.js';

/** The files at a path, which must all have the same bytes, or the reason why the path cannot be used. */
export type Found = { files: readonly TarFile[] } | { refused: string };

// Real archives have chains of one link (docker, podman) or two; the limit keeps a hostile chain cheap.
const MAX_LINKS = 64;
// Memory for an entry's objects and its place in the map, without its names.
const ENTRY_BYTES = 200;

/** The entries of a tar by path. */
export class EntryIndex {
  readonly #entries = new Map<string, TarEntry>();
  /** The second and later entries of a path. */
  readonly #repeated = new Map<string, TarEntry[]>();
  #bytes = 0;
  /** The number of bytes after the end of the tar, or 0 if they are all zero. */
  trailingBytes = 0;
  /** True if a path has a backslash, which some Windows programs write instead of a slash. */
  hasBackslashes = false;

  /** The estimated memory of the index, in bytes. */
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
    // Many tools repeat directories, so these are not kept.
    else if (entry.kind !== 'directory' || first.kind !== 'directory')
      this.#repeated.set(entry.path, [entry]);
  }

  paths(): Iterable<string> {
    return this.#entries.keys();
  }

  /** The paths that have several entries, unless all of them are directories. */
  repeatedPaths(): Iterable<string> {
    return this.#repeated.keys();
  }

  /** The number of paths. */
  get size(): number {
    return this.#entries.size;
  }

  /** Yields all entries. Adding them to a new index in this order makes an equal index. */
  *entries(): Iterable<TarEntry> {
    for (const path of this.#entries.keys()) yield* this.at(path);
  }

  /** Follows links, and returns the files at `path`; undefined if it is a directory or does not exist. */
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
        return { refused: 'is a link, and has a second entry that is something else' };
      }
      seen.add(name);
      if (seen.has(target)) return { refused: 'is a circle of links' };
      if (seen.size > MAX_LINKS) return { refused: `is a chain of more than ${MAX_LINKS} links` };
      name = target;
    }
  }

  /** Returns all entries with exactly this path, in the order of the tar. */
  at(path: string): readonly TarEntry[] {
    const first = this.#entries.get(path);
    return first === undefined ? [] : [first, ...(this.#repeated.get(path) ?? [])];
  }
}
