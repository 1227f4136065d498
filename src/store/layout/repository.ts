import { lstat, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fs from 'fs-extra';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import { isRepository } from '../../content/reference.js';
import { diskError, listDirectory, onDisk, removeIfEmpty, syncDirectoryOf } from '../../disk/disk.js';
import { createFile, ifThere } from '../../disk/own-file.js';
import { hasFolderIn, makeFolderIn } from '../../disk/own-folder.js';
import { systemCode } from '../../errors.js';

/** The folder in a layout for what the specification has no place for; other tools ignore it. */
const OWN_FOLDER = '.lading';
const REPOSITORIES = `${OWN_FOLDER}/repositories`;
/** Cannot clash with a repository: no component of a name begins with an underscore. */
const BLOBS = '_blobs';
const TRIES = 5;

/**
 * The blobs that repositories of a layout have although none of their manifests needs them: those of an incomplete
 * push, and those of a deleted manifest. Each is an empty file
 * `.lading/repositories/REPOSITORY/_blobs/ALGORITHM/ENCODED`, so that several processes can add and remove them without
 * a lock, and a kill leaves none half written.
 */
export class RepositoryBlobs {
  readonly #directory: string;
  readonly #root: string;
  readonly #folder: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#root = join(directory, OWN_FOLDER);
    this.#folder = join(directory, REPOSITORIES);
  }

  /** Adds a blob to a repository; the returned function syncs that, so that it survives a power failure. */
  async add(repository: string, digest: Digest): Promise<() => Promise<void>> {
    const path = this.#pathOf(repository, digest);
    let isNew = false;
    for (let tries = TRIES; ; tries--) {
      try {
        await (await createFile(path))?.close();
        break;
      } catch (error) {
        // Another process may remove the folder while it is empty.
        if (systemCode(error) !== 'ENOENT' || tries <= 1) throw diskError(error, path);
        await onDisk(path, () => makeFolderIn(this.#directory, folderOf(repository, digest)));
        isNew = true;
      }
    }
    return () => this.#sync(path, isNew);
  }

  async has(repository: string, digest: Digest): Promise<boolean> {
    return fs.pathExists(this.#pathOf(repository, digest));
  }

  /** Returns when a blob was added to a repository, in milliseconds since 1970; undefined if it does not have it here. */
  async addedAt(repository: string, digest: Digest): Promise<number | undefined> {
    const path = this.#pathOf(repository, digest);
    return (await onDisk(path, () => ifThere(() => lstat(path))))?.mtimeMs;
  }

  async remove(repository: string, digest: Digest): Promise<void> {
    const path = this.#pathOf(repository, digest);
    // Do not follow a link: it could remove a blob of another layout, which has the same name.
    await onDisk(path, async () => {
      if (await hasFolderIn(this.#directory, folderOf(repository, digest))) await rm(path, { force: true });
    });
    for (let folder = dirname(path); folder.startsWith(this.#root); folder = dirname(folder))
      await removeIfEmpty(folder);
  }

  /** True if the repository has any blob here. */
  async hasAny(repository: string): Promise<boolean> {
    return fs.pathExists(join(this.#folder, repository, BLOBS));
  }

  /** Returns the repositories that have a blob here. */
  async holders(digest: Digest): Promise<string[]> {
    const holders: string[] = [];
    for (const repository of await this.repositories())
      if (await this.has(repository, digest)) holders.push(repository);
    return holders;
  }

  /** Returns the repositories that have any blob here. */
  async repositories(): Promise<string[]> {
    const found: string[] = [];
    if (!(await onDisk(this.#folder, () => hasFolderIn(this.#directory, REPOSITORIES)))) return found;
    const names = await foldersIn(this.#folder);
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      for (const below of await foldersIn(join(this.#folder, name))) {
        if (below === BLOBS && isRepository(name)) found.push(name);
        else if (isRepository(`${name}/${below}`)) names.push(`${name}/${below}`);
      }
    }
    return found;
  }

  /** Returns the blobs that a repository has here. */
  async blobsOf(repository: string): Promise<Digest[]> {
    const folder = join(this.#folder, repository, BLOBS);
    const found: Digest[] = [];
    for (const algorithm of await foldersIn(folder)) {
      for (const encoded of (await listDirectory(join(folder, algorithm))) ?? []) {
        const digest = `${algorithm}:${encoded}`;
        if (isDigest(digest)) found.push(digest);
      }
    }
    return found;
  }

  #pathOf(repository: string, digest: Digest): string {
    return join(this.#directory, folderOf(repository, digest), encodedOf(digest));
  }

  /** Syncs the folder of a file, and if it is new, also the folders above. */
  async #sync(path: string, isNew: boolean): Promise<void> {
    const above = [path];
    if (isNew)
      for (let each = dirname(path); each.startsWith(this.#root); each = dirname(each)) above.push(each);
    try {
      await Promise.all(above.map((each) => syncDirectoryOf(each)));
    } catch (error) {
      // It was removed since, because a manifest of the repository needs the blob by now.
      if (systemCode(error) !== 'ENOENT') throw diskError(error, path);
    }
  }
}

function folderOf(repository: string, digest: Digest): string {
  return `${REPOSITORIES}/${repository}/${BLOBS}/${algorithmOf(digest)}`;
}

async function foldersIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw diskError(error, path);
  }
}
