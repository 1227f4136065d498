import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fs from 'fs-extra';
import { algorithmOf, type Digest, encodedOf } from '../../content/digest.js';
import { listDirectory, onDisk, removeIfEmpty, writeFileAtomically } from '../../disk/disk.js';
import { openDirectory } from '../../disk/files.js';
import { hasFolderIn, makeFolder, makeFolderIn } from '../../disk/own-folder.js';
import { LadingError, systemCode } from '../../errors.js';
import { type FileSink, openFileSink } from '../file-sink.js';
import { lockIndex } from './index-file.js';
import { formatLayoutIndex, LAYOUT_FILE } from './layout-index.js';
import { blobPath } from './layout-reader.js';

/** The folder beside `blobs` for content that is not complete yet. */
export const INGEST = 'ingest';

const USUAL_BLOBS = 'blobs/sha256';
/** How many times to try again if folders disappear right after they were created. */
const TRIES = 5;

/** Names that lading creates in a new layout before `oci-layout` exists. */
const OWN_FILES = /^(?:blobs|ingest|ingest\.lock(?:\..*)?|index\.json.*|oci-layout\..*)$/;

/**
 * Makes a directory a layout unless it is one; several processes may do so at the same time. Accepts only an empty
 * directory, a layout, or one that was begun, so that nothing is lost; otherwise rejects with `ALREADY_EXISTS`.
 * Resolves with true if the directory did not exist before.
 */
export async function makeLayout(directory: string): Promise<boolean> {
  const isNew = await requireLayoutOrEmpty(directory);
  await onDisk(directory, () => makeFolder(directory));
  await onDisk(join(directory, 'blobs'), () => makeFolderIn(directory, USUAL_BLOBS));
  // refuse it before the first byte is fetched
  await onDisk(join(directory, INGEST), () => hasFolderIn(directory, INGEST));
  if (await fs.pathExists(join(directory, 'oci-layout'))) return isNew;
  const lock = await lockIndex(directory);
  try {
    if (await fs.pathExists(join(directory, 'oci-layout'))) return isNew;
    // A layout of crane or skopeo may have images but no version file.
    if (!(await fs.pathExists(join(directory, 'index.json'))))
      await writeFileAtomically(join(directory, 'index.json'), formatLayoutIndex([]), { alone: true });
    await writeFileAtomically(join(directory, 'oci-layout'), LAYOUT_FILE, { alone: true });
    return isNew;
  } finally {
    await lock.release();
  }
}

/**
 * Removes the files of a layout that this process created and did not use, unless others have used it since. The caller
 * holds the lock of `ingest`, which is inside the directory and is removed afterwards.
 */
export async function removeUnusedLayout(directory: string): Promise<void> {
  const lock = await lockIndex(directory);
  try {
    const index = join(directory, 'index.json');
    const empty = formatLayoutIndex([]);
    if (!(await openDirectory(directory).read('index.json', empty.byteLength)).equals(empty)) return;
    for (const folder of [INGEST, 'blobs/sha256', 'blobs']) {
      await removeIfEmpty(join(directory, folder));
      if (await fs.pathExists(join(directory, folder))) return; // another process has put content there
    }
    for (const file of [index, join(directory, 'oci-layout')]) await rm(file, { force: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error; // what cannot be removed stays, and is harmless
  } finally {
    await lock.release();
  }
}

/**
 * Writes a document under its digest, completely or not at all. The caller has verified the digest. A caller that holds
 * the lock of `ingest` is `alone`, and may replace what a killed writer left behind.
 */
export async function writeBlob(
  directory: string,
  digest: Digest,
  bytes: Buffer,
  { alone = false }: { alone?: boolean } = {},
): Promise<void> {
  const name = alone ? `${algorithmOf(digest)}-${encodedOf(digest)}` : randomUUID();
  const path = join(directory, blobPath(digest));
  const growsAs = join(directory, INGEST, name);
  await inFolders(directory, [INGEST, blobFolder(digest)], () =>
    writeFileAtomically(path, bytes, { alone, growsAs }),
  );
}

/** Gives content that is complete and on the disk its final name. */
export async function moveToBlob(from: string, directory: string, digest: Digest): Promise<void> {
  const path = join(directory, blobPath(digest));
  await inFolders(directory, [blobFolder(digest)], () => onDisk(path, () => rename(from, path)));
}

/** Opens a file in `ingest`; rejects as `openFileSink` does. */
export function openInIngest(directory: string, name: string): Promise<FileSink> {
  return inFolders(directory, [INGEST], () => openFileSink(join(directory, INGEST, name)));
}

/**
 * Runs `work` in folders of a layout, which are created if necessary. Another process may remove them while they are
 * empty, so this tries again. The usual folder of blobs was checked when the layout was opened, and is created again
 * only after a failure.
 */
async function inFolders<T>(directory: string, folders: string[], work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    for (const folder of folders)
      if (folder !== USUAL_BLOBS || tries > 1)
        await onDisk(join(directory, folder), () => makeFolderIn(directory, folder));
    try {
      return await work();
    } catch (error) {
      const isGone = error instanceof LadingError && systemCode(error.cause) === 'ENOENT';
      if (!isGone || tries === TRIES) throw error;
    }
  }
}

function blobFolder(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}`;
}

/** Checks that a directory is empty or a layout; resolves with true if it does not exist yet. */
async function requireLayoutOrEmpty(directory: string): Promise<boolean> {
  const names = await listDirectory(directory);
  if (names === undefined) return true;
  if (names.includes('manifest.json')) await requireNoOtherHalf(directory);
  if (names.includes('oci-layout')) return false;
  const stranger = names.find((name) => !OWN_FILES.test(name));
  if (stranger === undefined) return false;
  throw new LadingError(
    'ALREADY_EXISTS',
    `${directory} exists and is not an OCI layout: it holds ${stranger}`,
    {
      hint: 'Choose another output, or an empty directory.',
    },
  );
}

const LONGEST_START = 512;

/**
 * Refuses a directory that also has Docker's list of images, because that list would contradict what is written into
 * the layout.
 */
export async function requireNoOtherHalf(directory: string): Promise<void> {
  const view = openDirectory(directory);
  if ((await view.size('manifest.json')) === undefined) return;
  const start = await text(await view.open('manifest.json', { length: LONGEST_START }));
  if (!start.trimStart().startsWith('[')) return;
  throw new LadingError(
    'ALREADY_EXISTS',
    `${directory} is a docker-archive too: its manifest.json would not list what is written into index.json`,
    { hint: 'Make a layout of it first.', remedy: 'copyToLayout', remedyFor: directory },
  );
}
