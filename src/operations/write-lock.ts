import { formatImgpkgLock } from '../lock/images-lock.js';
import { formatLock, type Lock, type LockFormat } from '../lock/lock.js';
import { writeNamedFile } from './write-named-file.js';

/** Formats a lock for a file. */
export async function formatLockAs(lock: Lock, format: LockFormat = 'lading'): Promise<Buffer> {
  return format === 'imgpkg' ? formatImgpkgLock(lock) : formatLock(lock);
}

/** Writes a lock to a file that the user named. Rejects with `NOT_WRITABLE`. */
export async function writeLockFile(path: string, lock: Lock, format?: LockFormat): Promise<void> {
  await writeNamedFile(path, await formatLockAs(lock, format), `the lock ${path}`);
}
