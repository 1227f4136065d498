import type { Dirent } from 'node:fs';
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

class DirectoryView implements FileView {
  readonly location: string;
  readonly #path: string;

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

  async #openFile(path: string): Promise<{ handle: FileHandle; region: Region; stamp: FileStamp }> {
    const located = await this.#locate(path);
    if (located === undefined) throw fileNotFound(this.location, path);
    let handle: FileHandle;
    try {
      // The checked path has no link left in it, so O_NOFOLLOW: one put there since then is not followed, nor is a pipe
      // waited for.
      const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
      handle = await open(located.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      throw readFailure(join(this.location, path), error);
    }
    try {
      const stamp = await stampOf(handle);
      return { handle, region: { ...located, size: Number(stamp.size) }, stamp };
    } catch (error) {
      await handle.close();
      throw readFailure(join(this.location, path), error);
    }
  }

  /** The regular file behind `path`, by its real path; undefined when there is none. */
  async #locate(path: string): Promise<Region | undefined> {
    const clean = cleanPath(path);
    if (clean === undefined || clean === '') return undefined;
    try {
      const root = await realpath(this.#path);
      const real = await realpath(join(root, clean));
      if (!real.startsWith(root.endsWith(sep) ? root : root + sep))
        throw this.#refused(path, 'leads out of it');
      const found = await stat(real);
      if (found.isDirectory()) return undefined;
      if (!found.isFile()) throw this.#refused(path, 'is a device, a pipe or a socket');
      return { path: real, offset: 0, size: found.size };
    } catch (error) {
      if (error instanceof LadingError) throw error;
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
      if (code === 'ELOOP') throw this.#refused(path, 'is a circle of links');
      throw readFailure(join(this.location, path), error);
    }
  }

  #refused(path: string, what: string): ContentError {
    return new ContentError('INVALID_LAYOUT', `${path} in ${this.location} ${what}`, {
      hint: 'Copy the file itself to this place; only links that stay within the directory are followed.',
    });
  }
}
