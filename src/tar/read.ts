import { constants, type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ambiguous } from '../content/ambiguous.js';
import type { Compression } from '../content/compression.js';
import { byPath, cleanPath, type FileView, fileNotFound, fileTooLarge } from '../disk/files.js';
import type { OpenFileOptions, Region } from '../disk/region.js';
import { partOf, readFailure, readRegion, requireUnchanged, streamRegion } from '../disk/region.js';
import { ContentError } from '../errors.js';
import { namesThatDifferInCase } from './conflicts.js';
import type { TarFile } from './entry.js';
import type { EntryIndex } from './index-of-entries.js';
import { indexTar, unusable } from './index-tar.js';
import { type FileState, fileStateOf, indexOfTable, isSameState, type TarTable } from './table.js';
import { isFileThere } from './walk.js';
import { ReadingWindow } from './window.js';

export interface OpenTarOptions {
  signal?: AbortSignal | undefined;
  /** The name of the archive in errors; default `path`. */
  location?: string | undefined;
  /** True if `location` is not a path that hints could use in commands; default false. */
  isStream?: boolean | undefined;
  /** The compression of the file that this one was decompressed from. */
  inside?: Compression | undefined;
  /**
   * The result of an earlier walk over this file; it is used instead of a walk if the file is still in the same state.
   */
  table?: TarTable | undefined;
  limits?:
    | {
        /**
         * Limit for the memory of the index of names, in bytes; default 256 MiB, enough for about a million entries.
         */
        maxIndexBytes?: number | undefined;
      }
    | undefined;
}

/** The files of a tar, and what the walk over it found. */
export interface TarFiles extends FileView {
  /** Returns the table to open this tar with next time; it is the one from the options unless that proved wrong. */
  table(): TarTable;
  /** Returns oddities of the tar that cause no ambiguity, each as a sentence. */
  remarks(): string[];
  /** True if a path in it has a backslash. */
  hasBackslashes(): boolean;
  /** Compares the bytes of files that occur twice; rejects with `INVALID_ARCHIVE` if they differ. */
  compareRepeated(): Promise<void>;
}

const MAX_INDEX_BYTES = 256 * 1024 * 1024;
/** The number of bytes of two files that are compared at once. */
const COMPARED_BYTES = 256 * 1024;

/**
 * Opens a tar and reads it in place: it walks over the headers once, and reads bodies on demand. One file handle stays
 * open. Rejects with `INVALID_ARCHIVE` if the archive is damaged or tools could read it differently. An entry that
 * cannot be used (a link out of the archive, a device) causes an error only when it is read. If the file is changed
 * while it is open, every read rejects with `IO`, because the positions may be wrong.
 */
export async function openTar(path: string, options: OpenTarOptions = {}): Promise<TarFiles> {
  const { signal, location = path, limits, inside, isStream } = options;
  const file = { location, path: isStream ? undefined : location, inside };
  const maxIndexBytes = limits?.maxIndexBytes ?? MAX_INDEX_BYTES;
  signal?.throwIfAborted();
  const handle = await openRegularFile(path);
  try {
    const state = fileStateOf(handle.fd);
    const walk = () => indexTar(handle, Number(state.size), { signal, maxIndexBytes, file });
    const isCurrent = options.table !== undefined && isSameState(options.table.file, state);
    const table = isCurrent ? options.table : undefined;
    const index = table && indexOfTable(table, maxIndexBytes);
    return index === undefined
      ? new TarView({ location, path, handle, state, walk, index: await walk(), table: undefined })
      : new TarView({ location, path, handle, state, walk, index, table });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openRegularFile(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw readFailure(path, error);
  }
  const found = await handle.stat();
  if (found.isFile()) return handle;
  await handle.close();
  throw new ContentError(
    'INVALID_ARCHIVE',
    `${path} is not a regular file, so it cannot be read as an archive`,
    {
      hint: 'Save it to a file first: lading reads an archive out of order.',
    },
  );
}

interface OpenedTar {
  location: string;
  path: string;
  handle: FileHandle;
  /** The state of the file before the walk. */
  state: FileState;
  walk: () => Promise<EntryIndex>;
  index: EntryIndex;
  /** The table that the index was made from, unless it is from a walk. */
  table: TarTable | undefined;
}

class TarView implements TarFiles {
  readonly location: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #state: FileState;
  readonly #walk: () => Promise<EntryIndex>;
  #index: EntryIndex;
  #table: TarTable | undefined;
  #walking: Promise<void> | undefined;
  #window: ReadingWindow | undefined;
  /** Files of the table whose headers have been checked. */
  readonly #confirmed = new Set<TarFile>();
  /** Comparisons of repeated files, by the first file of the path. */
  readonly #compared = new Map<TarFile, Promise<void>>();

  constructor({ location, path, handle, state, walk, index, table }: OpenedTar) {
    this.location = location;
    this.#path = path;
    this.#handle = handle;
    this.#state = state;
    this.#walk = walk;
    this.#index = index;
    this.#table = table;
  }

  table(): TarTable {
    const { trailingBytes } = this.#index;
    return this.#table ?? { file: this.#state, entries: [...this.#index.entries()], trailingBytes };
  }

  remarks(): string[] {
    const { trailingBytes } = this.#index;
    const remarks = namesThatDifferInCase(this.#index.paths()).map(
      ([one, other]) =>
        `${one} and ${other} differ only in case: on a case-insensitive file system they are the same file`,
    );
    if (trailingBytes > 0)
      remarks.push(`${trailingBytes} bytes follow the end of the archive; tools ignore them`);
    return remarks;
  }

  hasBackslashes(): boolean {
    return this.#index.hasBackslashes;
  }

  async compareRepeated(): Promise<void> {
    for (const path of this.#index.repeatedPaths()) {
      // Entries that are refused, such as devices, cause an error when they are used.
      if (this.#index.at(path).every(({ kind }) => kind === 'file')) await this.region(path);
    }
  }

  async list(): Promise<{ path: string; size: number }[]> {
    const files: { path: string; size: number }[] = [];
    for (const path of this.#index.paths()) {
      const found = this.#index.find(path);
      if (found === undefined || 'refused' in found) continue;
      files.push({ path, size: found.files[0]?.size ?? 0 });
    }
    return files.sort(byPath);
  }

  async folders(): Promise<string[]> {
    const names = new Set<string>();
    for (const path of this.#index.paths()) {
      const slash = path.indexOf('/');
      if (slash > 0) names.add(path.slice(0, slash));
    }
    return [...names].sort();
  }

  async size(path: string): Promise<number | undefined> {
    const [first, ...others] = await this.#filesAt(path);
    return others.length === 0 ? first?.size : (await this.region(path))?.size;
  }

  async open(path: string, options: OpenFileOptions = {}): Promise<Readable> {
    options.signal?.throwIfAborted();
    const region = await this.#located(path);
    const { signal } = options;
    return streamRegion(this.#handle, partOf(region, options), { signal, stamp: this.#state });
  }

  async read(path: string, maxBytes: number): Promise<Buffer> {
    const region = await this.#located(path);
    if (region.size > maxBytes) throw fileTooLarge(this.location, path, region.size, maxBytes);
    return readRegion(this.#handle, region, { stamp: this.#state });
  }

  async region(path: string): Promise<Region | undefined> {
    for (;;) {
      const index = this.#index;
      const files = await this.#filesAt(path);
      const [first, ...others] = files;
      if (first === undefined) return undefined;
      await this.#confirm(files);
      if (index !== this.#index) continue; // the table was wrong
      if (others.length > 0) await this.#requireSame(first, others);
      return this.#regionOf(first);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #located(path: string): Promise<Region> {
    const region = await this.region(path);
    if (region === undefined) throw fileNotFound(this.location, path);
    return region;
  }

  async #filesAt(path: string): Promise<readonly TarFile[]> {
    const clean = cleanPath(path);
    const found = clean === undefined ? undefined : this.#index.find(clean);
    if (clean === undefined || found === undefined) return [];
    await requireUnchanged(this.#handle, this.#state, this.location);
    if ('refused' in found) throw unusable(this.location, `holds ${clean}, which ${found.refused}`);
    return found.files;
  }

  /** Checks the headers of files that come from a table; walks over the tar if the table is wrong. */
  async #confirm(files: readonly TarFile[]): Promise<void> {
    if (this.#table === undefined) return;
    this.#window ??= new ReadingWindow(this.#handle.fd, Number(this.#state.size), undefined);
    for (const file of files) {
      if (this.#confirmed.has(file)) continue;
      if (!this.#isThere(this.#window, file)) return this.#walkAfterAll();
      this.#confirmed.add(file);
    }
  }

  #isThere(window: ReadingWindow, file: TarFile): boolean {
    try {
      return isFileThere(window, file);
    } catch (error) {
      throw readFailure(this.location, error);
    }
  }

  #walkAfterAll(): Promise<void> {
    this.#walking ??= this.#walk().then((index) => {
      this.#index = index;
      this.#table = undefined;
    });
    return this.#walking;
  }

  // Of two files with the same name, tools that extract use the last, and tools that read in one pass use the first.
  #requireSame(first: TarFile, others: readonly TarFile[]): Promise<void> {
    let comparison = this.#compared.get(first);
    if (comparison === undefined) {
      comparison = this.#compare(first, others);
      this.#compared.set(first, comparison);
    }
    return comparison;
  }

  async #compare(first: TarFile, others: readonly TarFile[]): Promise<void> {
    for (const other of others) {
      if (!(await sameBytes(this.#handle, this.#regionOf(first), this.#regionOf(other)))) {
        throw ambiguous(this.location, `it holds ${first.path} twice with different bytes`);
      }
    }
  }

  #regionOf({ offset, size }: TarFile): Region {
    return { path: this.#path, offset, size };
  }
}

/** True if two regions of a file hold the same bytes. It reads them in steps, so they may be large. */
async function sameBytes(handle: FileHandle, a: Region, b: Region): Promise<boolean> {
  if (a.size !== b.size) return false;
  for (let done = 0; done < a.size; done += COMPARED_BYTES) {
    const size = Math.min(COMPARED_BYTES, a.size - done);
    const [left, right] = await Promise.all([
      readRegion(handle, { path: a.path, offset: a.offset + done, size }),
      readRegion(handle, { path: b.path, offset: b.offset + done, size }),
    ]);
    if (!left.equals(right)) return false;
  }
  return true;
}
