import { type Dirent, statSync } from 'node:fs';
import { constants, type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { ContentError, LadingError, systemCode } from '../errors.js';
import {
  type FileStamp,
  type OpenFileOptions,
  partOf,
  type Region,
  readFailure,
  readRegion,
  sameStamp,
  stampOf,
  streamRegion,
} from './region.js';

/**
 * Read-only access to files by relative path with `/`; a directory and a tar look the same through it. Paths are clean
 * (no leading `/` or `../`, no `..`). Links are followed only within the view.
 */
export interface FileView {
  /** Path of the directory or archive, as errors name it. */
  readonly location: string;
  /** Returns every regular file, also those behind links, sorted by path. */
  list(): Promise<{ path: string; size: number }[]>;
  /** Returns the names of the top-level folders, sorted. */
  folders(): Promise<string[]>;
  /** Returns the size of the file in bytes, or undefined if it does not exist. */
  size(path: string): Promise<number | undefined>;
  /** Opens a file as a stream; rejects with `NOT_FOUND` if it does not exist. */
  open(path: string, options?: OpenFileOptions): Promise<Readable>;
  /** Reads a whole file; rejects with `TOO_LARGE` if it has more than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /** Returns where the bytes of a file are, for readers that open it themselves (hashing in threads, sending). */
  region(path: string): Promise<Region | undefined>;
  close(): Promise<void>;
}

/**
 * Normalizes a path to the form that a view uses: without `./`, a leading `/`, and doubled or trailing slashes. Returns
 * undefined if it has a `..` component or a NUL, since no file in a view has such a name. (CVE-2014-9356 and similar)
 */
export function cleanPath(path: string): string | undefined {
  if (path.includes('\0')) return undefined;
  const components = path.split('/').filter((component) => component !== '' && component !== '.');
  return components.includes('..') ? undefined : components.join('/');
}

/** Sorts by UTF-16 code unit, ascending, so that the order does not depend on the machine's locale. */
export function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

export function fileNotFound(location: string, path: string): LadingError {
  return new LadingError('NOT_FOUND', `${location} has no file ${path}`);
}

export function fileTooLarge(location: string, path: string, size: number, maxBytes: number): ContentError {
  return new ContentError('TOO_LARGE', `${path} in ${location} has ${size} bytes; the limit is ${maxBytes}`, {
    hint: 'A document of this kind is small; this file cannot be one.',
  });
}

/**
 * Opens the files of a real directory. A symbolic link is followed if its target is inside the directory. Opening a
 * link that leads out of it rejects with `INVALID_LAYOUT`; `list` omits those links, and linked directories.
 */
export function openDirectory(directory: string): FileView {
  return new DirectoryView(directory);
}

/** Real path and stamp of a file inside the directory. */
interface Located {
  region: Region;
  stamp: LocatedStamp;
}

/** Includes the ctime, which no program can set: inode numbers are reused. */
type LocatedStamp = FileStamp & { ctimeNs: bigint };

interface OpenedFile {
  handle: FileHandle;
  region: Region;
  stamp: FileStamp;
}

/** Entries of the cache of located files, some 500 bytes each; the oldest entry is dropped first. */
const MOST_LOCATED = 10_000;

class DirectoryView implements FileView {
  readonly location: string;
  readonly #path: string;
  /** Located files by clean path, oldest first. */
  readonly #located = new Map<string, Located>();

  constructor(directory: string) {
    this.location = directory;
    this.#path = resolve(directory);
  }

  async list(): Promise<{ path: string; size: number }[]> {
    const files: { path: string; size: number }[] = [];
    const folders = [''];
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const entry of await this.#entries(folder)) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) folders.push(path);
        else if (entry.isFile() || entry.isSymbolicLink()) {
          const size = await this.#sizeOfListed(path);
          if (size !== undefined) files.push({ path, size });
        }
      }
    }
    return files.sort(byPath);
  }

  async folders(): Promise<string[]> {
    const entries = await this.#entries('');
    return entries
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  }

  async size(path: string): Promise<number | undefined> {
    return (await this.#locate(path))?.size;
  }

  async open(path: string, options: OpenFileOptions = {}): Promise<Readable> {
    options.signal?.throwIfAborted();
    const { handle, region, stamp } = await this.#openFile(path);
    try {
      const { signal } = options;
      return streamRegion(handle, partOf(region, options), { signal, ownsHandle: true, stamp });
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async read(path: string, maxBytes: number): Promise<Buffer> {
    const { handle, region, stamp } = await this.#openFile(path);
    try {
      if (region.size > maxBytes) throw fileTooLarge(this.location, path, region.size, maxBytes);
      return await readRegion(handle, region, { stamp });
    } finally {
      await handle.close();
    }
  }

  region(path: string): Promise<Region | undefined> {
    return this.#locate(path);
  }

  async close(): Promise<void> {}

  async #entries(folder: string): Promise<Dirent[]> {
    try {
      return await readdir(join(this.#path, folder), { withFileTypes: true });
    } catch (error) {
      throw readFailure(join(this.location, folder), error);
    }
  }

  async #sizeOfListed(path: string): Promise<number | undefined> {
    try {
      return await this.size(path);
    } catch (error) {
      // the link leads out of the directory, so it is not part of the view
      if (error instanceof ContentError) return undefined;
      throw error;
    }
  }

  async #openFile(path: string): Promise<OpenedFile> {
    const clean = cleanPath(path);
    const again = clean && (await this.#openAgain(clean));
    if (again) return again;
    const located = await this.#find(path);
    if (located === undefined) throw fileNotFound(this.location, path);
    return this.#open(path, located);
  }

  /**
   * Opens a file at its cached location, if it still is the same file; a path component may have become a link since.
   */
  async #openAgain(clean: string): Promise<OpenedFile | undefined> {
    const known = this.#stillLocated(clean);
    if (known === undefined) return undefined;
    try {
      const opened = await this.#open(clean, known);
      if (sameStamp(opened.stamp, known.stamp)) return opened;
      await opened.handle.close();
    } catch (error) {
      if (!(error instanceof LadingError)) throw error; // the caller looks for the file again and reports the reason
    }
    return undefined;
  }

  async #open(path: string, { region }: Located): Promise<OpenedFile> {
    let handle: FileHandle;
    try {
      // The checked path contains no links. O_NOFOLLOW rejects a link that was put there since, and O_NONBLOCK avoids
      // blocking on a pipe.
      const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
      handle = await open(region.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      throw readFailure(join(this.location, path), error);
    }
    try {
      const stamp = await stampOf(handle);
      return { handle, region: { ...region, size: Number(stamp.size) }, stamp };
    } catch (error) {
      await handle.close();
      throw readFailure(join(this.location, path), error);
    }
  }

  async #locate(path: string): Promise<Region | undefined> {
    const clean = cleanPath(path);
    const known = clean && this.#stillLocated(clean);
    return known ? known.region : (await this.#find(path))?.region;
  }

  /**
   * Returns the cached location if the path still leads to the same, unmodified file: one stat follows all links. It is
   * synchronous, as in `stampOf`, because a registry does it for every request, and a turn in the thread pool costs ten
   * times as much as the call.
   */
  #stillLocated(clean: string): Located | undefined {
    const known = this.#located.get(clean);
    if (known === undefined) return undefined;
    const now = stampAt(join(this.#path, clean));
    if (now?.ctimeNs === known.stamp.ctimeNs && sameStamp(now, known.stamp)) return known;
    this.#located.delete(clean);
    return undefined;
  }

  /** Returns the regular file behind `path`, by its real path, or undefined if it does not exist. */
  async #find(path: string): Promise<Located | undefined> {
    const clean = cleanPath(path);
    if (clean === undefined || clean === '') return undefined;
    try {
      const root = await realpath(this.#path);
      const real = await realpath(join(root, clean));
      if (!real.startsWith(root.endsWith(sep) ? root : root + sep))
        throw this.#refused(path, 'leads out of it');
      const found = await stat(real, { bigint: true });
      if (found.isDirectory()) return undefined;
      if (!found.isFile()) throw this.#refused(path, 'is a device, a pipe or a socket');
      const { dev, ino, size, mtimeNs, ctimeNs } = found;
      const region = { path: real, offset: 0, size: Number(size) };
      return this.#remember(clean, { region, stamp: { dev, ino, size, mtimeNs, ctimeNs } });
    } catch (error) {
      if (error instanceof LadingError) throw error;
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
      if (code === 'ELOOP') throw this.#refused(path, 'is a circle of links');
      throw readFailure(join(this.location, path), error);
    }
  }

  #remember(clean: string, located: Located): Located {
    this.#located.set(clean, located);
    const [oldest] = this.#located.size > MOST_LOCATED ? this.#located.keys() : [];
    if (oldest !== undefined) this.#located.delete(oldest);
    return located;
  }

  #refused(path: string, what: string): ContentError {
    return new ContentError('INVALID_LAYOUT', `${path} in ${this.location} ${what}`, {
      hint: 'Copy the file itself to this place; only links that stay within the directory are followed.',
    });
  }
}

/** Returns undefined if nothing exists at `path`, or it cannot be examined. */
function stampAt(path: string): LocatedStamp | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
