import { formatImgpkgLock } from '../../lock/images-lock.js';
import { formatLock, type Lock, type LockFormat } from '../../lock/lock.js';
import type { ConnectionOptions } from '../../registry/connect.js';
import { isBucket } from '../../store/locator.js';
import { writeNamedFile } from '../write-named-file.js';

/** Formats a lock for a file. */
export async function formatLockAs(lock: Lock, format: LockFormat = 'lading'): Promise<Buffer> {
  return format === 'imgpkg' ? formatImgpkgLock(lock) : formatLock(lock);
}

/** Writes a lock to a file that the user named, or an object in a bucket (`s3://BUCKET/KEY`). Rejects with `NOT_WRITABLE`. */
export async function writeLockFile(
  path: string,
  lock: Lock,
  format?: LockFormat,
  connection: ConnectionOptions = {},
): Promise<void> {
  const bytes = await formatLockAs(lock, format);
  if (!isBucket(path)) return writeNamedFile(path, bytes, `the lock ${path}`);
  const { writeDocument } = await import('../../store/bucket/document.js');
  await writeDocument(path, bytes, connection);
}
