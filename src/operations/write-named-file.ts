import { type FileHandle, lstat, realpath, stat, writeFile } from 'node:fs/promises';
import { writeFileAtomically } from '../disk/disk.js';
import { ifThere, openOwnFile, requireNoStranger, UnsafeFileError } from '../disk/own-file.js';
import { isLadingError, LadingError, messageOf, systemCode } from '../errors.js';

/** Same as `writeFile`: the umask decides who else may write. */
const MODE = 0o666;

/** Writes a document to a file that the user named; `what` names it in errors. Rejects with `NOT_WRITABLE`. */
export async function writeNamedFile(path: string, bytes: Buffer, what: string): Promise<void> {
  try {
    await replace(path, bytes);
  } catch (error) {
    if (isLadingError(error)) throw error; // it already names the path
    throw new LadingError('NOT_WRITABLE', `${what} cannot be written: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Replaces a file. A link, a pipe or a device may be intended (`/dev/stdout`), unless another user has put it there.
 */
async function replace(path: string, bytes: Buffer): Promise<void> {
  const named = await ifThere(() => lstat(path));
  if (named === undefined || named.isFile()) return replaceFile(path, bytes);
  await requireNoStranger(path);
  const found = await ifThere(() => stat(path));
  return found?.isFile() ? replaceFile(await realpath(path), bytes) : writeFile(path, bytes);
}

/**
 * Overwrites this user's file in place, because its folder may not be writable. A file of another user, or one with
 * several names, is replaced by a new one, so that its content elsewhere is kept.
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
