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
 * Files by relative path with `/`, read only: a directory and a tar look the same through it.
 * Paths are clean (no leading `/` or `../`, no `..`); links are followed only within the view.
 */
export interface FileView {
  /** The place on disk that errors name. */
  readonly location: string;
  /** Every regular file (links resolved), sorted by path. */
  list(): Promise<{ path: string; size: number }[]>;
  /** Names of the folders at the top, sorted. */
  folders(): Promise<string[]>;
  /** Bytes of the file, or undefined when there is none. */
  size(path: string): Promise<number | undefined>;
  /** Rejects with `NOT_FOUND` when there is no such file. */
  open(path: string, options?: OpenFileOptions): Promise<Readable>;
  /** The whole file; rejects with `TOO_LARGE` beyond `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Buffer>;
  /** Where the bytes lie, for readers that go to the file themselves (hashing in threads, sending). */
  region(path: string): Promise<Region | undefined>;
  close(): Promise<void>;
}

/**
 * A path as a view names it: without `../`, leading `/`, doubled or trailing slashes. Undefined when it has a
 * `..` component or a NUL, and so names nothing inside any view. (CVE-2014-9356 and its kin)
 */
export function cleanPath(path: string): string | undefined {
  if (path.includes('\0')) return undefined;
  const components = path.split('/').filter((component) => component !== '' && component !== '.');
  return components.includes('..') ? undefined : components.join('/');
}

/** Ascending by UTF-16 code unit: the same order on every machine, whatever its locale. */
export function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

export function fileNotFound(location: string, path: string): LadingError {
  return new LadingError('NOT_FOUND', `${location} has no file ${path}`);
}

export function fileTooLarge(location: string, path: string, size: number, maxBytes: number): ContentError {
  return new ContentError(
    'TOO_LARGE',
    `${path} in ${location} has ${size} bytes; at most ${maxBytes} are read into memory`,
    { hint: 'A document of this kind is small; this one is not what it claims to be.' },
  );
}

/**
 * The files of a real directory. A symbolic link is followed when its target lies inside the directory; asking
 * for one that leads out of it rejects with `INVALID_LAYOUT`, and `list` leaves it away, as it does with
 * linked directories.
 */
export function openDirectory(directory: string): FileView {
  return new DirectoryView(directory);
}

/** A file that lies within the directory, by its real path, and what it was when it was found. */
interface Located {
  region: Region;
  stamp: LocatedStamp;
}

/** The time of the last change of any kind, which nobody can set: a number of a file is given again to another. */
type LocatedStamp = FileStamp & { ctimeNs: bigint };

interface OpenedFile {
  handle: FileHandle;
  region: Region;
  stamp: FileStamp;
}

/** Some 500 bytes each; of more files, those that were found first are looked for again. */
const MOST_LOCATED = 10_000;

class DirectoryView implements FileView {
  readonly location: string;
  readonly #path: string;
  /** By clean path, in the order in which they were found. */
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
      if (error instanceof ContentError) return undefined; // leads out of the directory: not part of the view
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

  /** What was found before, if that is what is opened now: a link may have come into its path since. */
  async #openAgain(clean: string): Promise<OpenedFile | undefined> {
    const known = this.#stillLocated(clean);
    if (known === undefined) return undefined;
    try {
      const opened = await this.#open(clean, known);
      if (sameStamp(opened.stamp, known.stamp)) return opened;
      await opened.handle.close();
    } catch (error) {
      if (!(error instanceof LadingError)) throw error; // why it cannot be opened is found out by who looks for it again
    }
    return undefined;
  }

  async #open(path: string, { region }: Located): Promise<OpenedFile> {
    let handle: FileHandle;
    try {
      // The checked path has no link left in it, so O_NOFOLLOW: one put there since then is not followed, nor is a pipe
      // waited for.
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
   * A file that was found before, by one look: what is at the path now, whatever links lead there, is the very file that
   * lies within the directory, and nobody has written to it. The look is synchronous, as that of `stampOf` is: a
   * registry looks with every request, and a turn in the pool of threads costs ten times the call itself.
   */
  #stillLocated(clean: string): Located | undefined {
    const known = this.#located.get(clean);
    if (known === undefined) return undefined;
    const now = stampAt(join(this.#path, clean));
    if (now?.ctimeNs === known.stamp.ctimeNs && sameStamp(now, known.stamp)) return known;
    this.#located.delete(clean);
    return undefined;
  }

  /** The regular file behind `path`, by its real path; undefined when there is none. */
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

/** Undefined where there is nothing, or it cannot be looked at. */
function stampAt(path: string): LocatedStamp | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
