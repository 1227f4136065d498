import type { Readable } from 'node:stream';
import { cleanPath, type FileView, fileNotFound } from '../../disk/files.js';
import type { OpenFileOptions, Region } from '../../disk/region.js';
import { MAX_ARCHIVE_DOCUMENT_BYTES } from '../../manifest/limits.js';

/** Images that are elsewhere in an archive than where other readers look for them. */
export interface Misplaced {
  view: FileView;
  /** Describes what is odd about that, as a sentence. */
  remark: string;
}

/**
 * Returns a view of an archive in which backslashes in names are slashes; some programs on Windows write them. Opening
 * a tar checks that this makes no names equal.
 */
export async function withSlashes(view: FileView): Promise<Misplaced> {
  const paths = new Map<string, string>();
  for (const { path } of await view.list()) {
    const clean = cleanPath(path.replaceAll('\\', '/'));
    if (clean !== undefined) paths.set(clean, path);
  }
  return {
    view: new MovedFiles(view, paths),
    remark:
      'names in the archive have backslashes for slashes: Docker, containerd, podman and skopeo on Linux do not find the files; copying the images makes an archive that they read',
  };
}

/** Returns the folders of an archive that contain images, sorted; used if there are none at the top. */
export async function foldersOfImages(view: FileView): Promise<string[]> {
  const files = await view.list();
  const paths = new Set(files.map(({ path }) => path));
  const folders = new Set<string>();
  for (const { path } of files) {
    const [, folder = '', document = ''] =
      /^(.+)\/(index\.json|manifest\.json|repositories)$/.exec(path) ?? [];
    if (folder === '' || folders.has(folder)) continue;
    const isLayout = document === 'index.json' && paths.has(`${folder}/oci-layout`);
    if (isLayout || (document !== 'index.json' && (await isDockers(view, path, document))))
      folders.add(folder);
  }
  return [...folders].sort();
}

/**
 * Other programs use these file names too. Docker's manifest.json begins as a list, and its repositories as an object
 * of objects.
 */
async function isDockers(view: FileView, path: string, document: string): Promise<boolean> {
  const size = await view.size(path);
  if (size === undefined || size > MAX_ARCHIVE_DOCUMENT_BYTES) return false;
  const text = (await view.read(path, MAX_ARCHIVE_DOCUMENT_BYTES)).toString('utf8').trimStart();
  return document === 'repositories'
    ? /^\{\s*"[^"]*"\s*:\s*\{/.test(text)
    : /^\[\s*\{/.test(text) && text.includes('"Config"') && text.includes('"Layers"');
}

/**
 * Returns the images of an archive that contains a folder of them, rather than the folder's content; undefined if other
 * folders have files too, so that something else may have been packed.
 */
export async function inFolder(view: FileView, folder: string): Promise<Misplaced | undefined> {
  const prefix = `${folder}/`;
  const paths = new Map<string, string>();
  for (const { path } of await view.list()) {
    if (path.startsWith(prefix)) paths.set(path.slice(prefix.length), path);
    else if (!isBeside(path, prefix)) return undefined;
  }
  return {
    view: new MovedFiles(view, paths),
    remark: `the images lie in the folder ${folder} of the archive, where Docker, containerd, podman and skopeo do not look for them; copying the images makes an archive that they read`,
  };
}

/** True for files that people and file managers put beside a folder. */
function isBeside(path: string, prefix: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const above = path.slice(0, path.length - name.length);
  return (
    prefix.startsWith(above) ||
    /^(?:__MACOSX|@PaxHeader|PaxHeaders?[^/]*|@eaDir)\//.test(path) ||
    name.startsWith('._')
  );
}

/** The files of a view under other paths. */
class MovedFiles implements FileView {
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
