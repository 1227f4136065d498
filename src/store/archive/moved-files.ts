import type { Readable } from 'node:stream';
import { cleanPath, type FileView, fileNotFound } from '../../disk/files.js';
import type { OpenFileOptions, Region } from '../../disk/region.js';

/** The files of a view under other paths. */
export class MovedFiles implements FileView {
  readonly #view: FileView;
  /** Path in the original view, by the path in this one. */
  readonly #paths: ReadonlyMap<string, string>;

  constructor(view: FileView, paths: ReadonlyMap<string, string>) {
    this.#view = view;
    this.#paths = paths;
  }

  get location(): string {
    return this.#view.location;
  }

  async list(): Promise<{ path: string; size: number }[]> {
    const sizes = new Map((await this.#view.list()).map(({ path, size }) => [path, size]));
    return [...this.#paths.keys()].sort().map((path) => ({ path, size: sizes.get(this.#there(path)) ?? 0 }));
  }

  async folders(): Promise<string[]> {
    const folders = [...this.#paths.keys()].filter((path) => path.includes('/'));
    return [...new Set(folders.map((path) => path.slice(0, path.indexOf('/'))))].sort();
  }

  async size(path: string): Promise<number | undefined> {
    const there = this.#paths.get(cleanPath(path) ?? '');
    return there === undefined ? undefined : this.#view.size(there);
  }

  async open(path: string, options?: OpenFileOptions): Promise<Readable> {
    return this.#view.open(this.#there(path), options);
  }

  async read(path: string, maxBytes: number): Promise<Buffer> {
    return this.#view.read(this.#there(path), maxBytes);
  }

  async region(path: string): Promise<Region | undefined> {
    const there = this.#paths.get(cleanPath(path) ?? '');
    return there === undefined ? undefined : this.#view.region(there);
  }

  close(): Promise<void> {
    return this.#view.close();
  }

  #there(path: string): string {
    const there = this.#paths.get(cleanPath(path) ?? '');
    if (there === undefined) throw fileNotFound(this.location, path);
    return there;
  }
}
