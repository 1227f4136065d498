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

/** Where content grows until it is whole, beside `blobs`. */
export const INGEST = 'ingest';

const USUAL_BLOBS = 'blobs/sha256';
/** How often folders may vanish that are just made. */
const TRIES = 5;

/** What lading puts into a layout that it begins, before there is an `oci-layout`. */
const OWN_FILES = /^(?:blobs|ingest|ingest\.lock(?:\..*)?|index\.json.*|oci-layout\..*)$/;

/**
 * Makes a directory a layout where it is none yet; several processes may do so at once. Nothing that was there
 * before is lost: only an empty directory, a layout, or one that was begun is taken, else rejects with
 * `ALREADY_EXISTS`. Resolves with whether there was no such directory before.
 */
export async function makeLayout(directory: string): Promise<boolean> {
  const isNew = await requireLayoutOrEmpty(directory);
  await onDisk(directory, () => makeFolder(directory));
  await onDisk(join(directory, 'blobs'), () => makeFolderIn(directory, USUAL_BLOBS));
  await onDisk(join(directory, INGEST), () => hasFolderIn(directory, INGEST)); // refused before the first byte
  if (await fs.pathExists(join(directory, 'oci-layout'))) return isNew;
  const lock = await lockIndex(directory);
  try {
    if (await fs.pathExists(join(directory, 'oci-layout'))) return isNew;
    // A layout of crane's or skopeo's may have images without saying its version.
    if (!(await fs.pathExists(join(directory, 'index.json'))))
      await writeFileAtomically(join(directory, 'index.json'), formatLayoutIndex([]), { alone: true });
    await writeFileAtomically(join(directory, 'oci-layout'), LAYOUT_FILE, { alone: true });
    return isNew;
  } finally {
    await lock.release();
  }
}

/**
 * Takes away the files of a layout that this process made and put nothing into, if nobody else did since. The caller
 * holds the lock of `ingest`, which lies in the directory: that goes afterwards.
 */
export async function removeUnusedLayout(directory: string): Promise<void> {
  const lock = await lockIndex(directory);
  try {
    const index = join(directory, 'index.json');
    const empty = formatLayoutIndex([]);
    if (!(await openDirectory(directory).read('index.json', empty.byteLength)).equals(empty)) return;
    for (const folder of [INGEST, 'blobs/sha256', 'blobs']) {
      await removeIfEmpty(join(directory, folder));
      if (await fs.pathExists(join(directory, folder))) return; // somebody has put content there
    }
    for (const file of [index, join(directory, 'oci-layout')]) await rm(file, { force: true });
  } catch (error) {
    if (systemCode(error) === undefined) throw error; // what cannot be tidied up stays, and harms nobody
  } finally {
    await lock.release();
  }
}

/**
 * Writes a document under its digest, whole or not at all. That the bytes have the digest was checked before. Who
 * holds the lock of `ingest` is `alone`: then what a writer left that was killed is used up.
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

/** Gives content that is whole and on the disk its final name. */
export async function moveToBlob(from: string, directory: string, digest: Digest): Promise<void> {
  const path = join(directory, blobPath(digest));
  await inFolders(directory, [blobFolder(digest)], () => onDisk(path, () => rename(from, path)));
}

/** Opens a file in `ingest`; rejects as `openFileSink` does. */
export function openInIngest(directory: string, name: string): Promise<FileSink> {
  return inFolders(directory, [INGEST], () => openFileSink(join(directory, INGEST, name)));
}

/**
 * Works in folders of a layout, made where they are not there: another process may remove them at any moment while they
 * are empty. The usual one of blobs was looked at when the layout was opened; it is made again when it is missed.
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

/** Resolves with whether there is no such directory yet. */
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

/** What is written into a layout would contradict the list of images that it has for Docker. */
async function requireNoOtherHalf(directory: string): Promise<void> {
  const view = openDirectory(directory);
  if ((await view.size('manifest.json')) === undefined) return;
  const start = await text(await view.open('manifest.json', { length: LONGEST_START }));
  if (!start.trimStart().startsWith('[')) return;
  throw new LadingError(
    'ALREADY_EXISTS',
    `${directory} is a docker-archive too: its manifest.json would not say what is written into index.json`,
    { hint: 'Make a layout of it first.', remedy: 'copyToLayout', remedyFor: directory },
  );
}
