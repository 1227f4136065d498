import { type FileHandle, lstat, realpath, stat, writeFile } from 'node:fs/promises';
import { writeFileAtomically } from '../disk/disk.js';
import { ifThere, openOwnFile, requireNoStranger, UnsafeFileError } from '../disk/own-file.js';
import { isLadingError, LadingError, messageOf, systemCode } from '../errors.js';

export interface LoadedImage {
  name: string;
  /** Its name at the registry. */
  pushed: string;
  digest: string;
}

/** As `writeFile` has it: the umask says who else may write. */
const MODE = 0o666;

/** Writes a line an image to a file: source, destination, digest, with tabs between. */
export async function writeMap(path: string, images: readonly LoadedImage[]): Promise<void> {
  const lines = images.map(({ name, pushed, digest }) => `${name}\t${pushed}\t${digest}\n`);
  try {
    await replace(path, Buffer.from(lines.join('')));
  } catch (error) {
    if (isLadingError(error)) throw error; // names the path
    throw new LadingError('NOT_WRITABLE', `the map ${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A link, a pipe or a device may be what the user means (`/dev/stdout`), unless somebody else has put it there. */
async function replace(path: string, bytes: Buffer): Promise<void> {
  const named = await ifThere(() => lstat(path));
  if (named === undefined || named.isFile()) return replaceFile(path, bytes);
  await requireNoStranger(path);
  const found = await ifThere(() => stat(path));
  return found?.isFile() ? replaceFile(await realpath(path), bytes) : writeFile(path, bytes);
}

/**
 * This user's file is written anew in its place, which may be the one thing in a folder that they may write to. Another
 * user's, or one that has other names, gives its place to a new one: what it is elsewhere is not overwritten.
 */
async function replaceFile(path: string, bytes: Buffer): Promise<void> {
  let file: FileHandle;
  try {
    file = await openOwnFile(path, { create: false });
  } catch (error) {
    if (!(error instanceof UnsafeFileError) && systemCode(error) !== 'ENOENT') throw error;
    await writeFileAtomically(path, bytes, { mode: MODE });
    return;
  }
  try {
    await file.truncate(0);
    await file.writeFile(bytes);
  } finally {
    await file.close();
  }
}
