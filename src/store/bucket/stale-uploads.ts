import { isLadingError } from '../../errors.js';
import type { BegunUpload, S3Client } from '../../s3/client.js';
import { blobDigest } from '../layout/layout-reader.js';
import type { Amount } from '../prune-report.js';
import type { BucketKeys } from './keys.js';

export interface StaleUploadsOptions {
  /** An upload that got a part since then stays, in milliseconds. */
  graceMs: number;
  /** The service's clock. */
  serverTime: number;
  /** Say what would be ended, and end nothing. */
  dryRun: boolean;
  signal?: AbortSignal | undefined;
  /** Called if the service does not let uploads be listed or ended. */
  onWarning: (message: string) => void;
}

/**
 * Ends uploads of blobs that nobody has sent a part of for the grace; their parts cost space, and no list of objects shows
 * them. A writer that takes one up at this moment gets an error for which it begins a new one. Resolves with what was
 * ended, or would be.
 */
export async function endStaleUploads(
  client: S3Client,
  keys: BucketKeys,
  { dryRun, signal, onWarning, ...age }: StaleUploadsOptions,
): Promise<Amount> {
  const ended: Amount = { blobs: 0, bytes: 0 };
  try {
    for await (const upload of client.listUploads(keys.blobs, { signal })) {
      if (blobDigest(upload.key.slice(keys.prefix.length)) === undefined) continue;
      const bytes = await staleBytes(client, upload, { ...age, signal });
      if (bytes === undefined) continue;
      if (!dryRun) await client.abortUpload(upload, { signal });
      ended.blobs += 1;
      ended.bytes += bytes;
    }
  } catch (error) {
    if (!isLadingError(error, 'DENIED', 'UNSUPPORTED', 'NOT_FOUND')) throw error;
    const { message, hint } = error;
    onWarning(
      `unfinished uploads stay: ${message}${hint === undefined ? '' : `. ${hint.replace(/\.$/, '')}`}`,
    );
  }
  return ended;
}

/** Returns the bytes of an upload that is older than the grace; undefined if it is younger, or has ended. */
async function staleBytes(
  client: S3Client,
  upload: BegunUpload,
  { graceMs, serverTime, signal }: { graceMs: number; serverTime: number; signal?: AbortSignal | undefined },
): Promise<number | undefined> {
  const isOld = (time: number): boolean => serverTime - time > graceMs;
  const { initiated = serverTime } = upload;
  if (!isOld(initiated)) return undefined;
  const state = await client.stateOfUpload(upload, { signal });
  if (state === undefined || !isOld(state.modified ?? initiated)) return undefined;
  return state.parts.reduce((sum, { size }) => sum + size, 0);
}
