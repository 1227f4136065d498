import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { algorithmOf, type Digest, encodedOf, isDigest } from '../../content/digest.js';
import { diskError, listDirectory, syncDirectoryOf } from '../../disk/disk.js';
import { isOwnFile } from '../../disk/own-file.js';
import { makeFolderIn } from '../../disk/own-folder.js';
import { systemCode } from '../../errors.js';
import { blobPath } from './layout-reader.js';
import { INGEST, moveToBlob } from './make-layout.js';

const SUFFIX = '.removed';

/**
 * Removes blobs from a layout. A push or a mount, which takes no lock, may add a blob to a repository at the same
 * moment. So the blob is first set aside, and restored if something holds it by then. The caller must hold the lock of
 * `ingest`.
 */
export class RemovedBlobs {
  constructor(private readonly directory: string) {}

  async remove(digest: Digest, isHeld: () => Promise<boolean>): Promise<void> {
    const path = join(this.directory, blobPath(digest));
    const aside = join(this.directory, INGEST, `${algorithmOf(digest)}-${encodedOf(digest)}${SUFFIX}`);
    try {
      await makeFolderIn(this.directory, INGEST);
      await rename(path, aside);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw diskError(error, path);
    }
    await this.#settle(digest, aside, isHeld);
  }

  /** Finishes removals that a killed process had begun. */
  async settleAll(isHeld: (digest: Digest) => Promise<boolean>): Promise<void> {
    const ingest = join(this.directory, INGEST);
    for (const name of (await listDirectory(ingest)) ?? []) {
      if (!name.endsWith(SUFFIX)) continue;
      const digest = name.slice(0, -SUFFIX.length).replace('-', ':');
      const aside = join(ingest, name);
      // Another user may have put a file there, which must not become the content of an image.
      if (isDigest(digest) && (await isOwnFile(aside)))
        await this.#settle(digest, aside, () => isHeld(digest));
    }
  }

  async #settle(digest: Digest, aside: string, isHeld: () => Promise<boolean>): Promise<void> {
    const path = join(this.directory, blobPath(digest));
    if (await isHeld()) {
      await moveToBlob(aside, this.directory, digest);
      await syncDirectoryOf(path);
      // A mount that looked for the blob while it was set aside has given up since.
      if (!(await isHeld())) await this.remove(digest, isHeld);
      return;
    }
    try {
      await rm(aside, { force: true });
    } catch (error) {
      throw diskError(error, aside);
    }
  }
}
