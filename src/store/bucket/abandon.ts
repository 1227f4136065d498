import { isLadingError } from '../../errors.js';
import type { S3Client, Upload } from '../../s3/client.js';

/**
 * Ends an upload that is of no use any more. Where that fails, its parts stay until `prune` ends them: the caller goes on,
 * or reports why the upload was given up.
 */
export async function abandon(client: S3Client, upload: Upload, signal?: AbortSignal): Promise<void> {
  try {
    await client.abortUpload(upload, { signal });
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
}
