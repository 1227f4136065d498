import { isLadingError } from '../../errors.js';
import type { Part, S3Client } from '../../s3/client.js';
import { abandon } from './abandon.js';

const GIBIBYTE = 1024 ** 3;
/** One request copies no more. (Amazon S3, CopyObject) */
const MAX_COPIED_BYTES = 5 * GIBIBYTE;

export interface TouchOptions {
  signal?: AbortSignal | undefined;
  /** Larger objects are copied in parts; default 5 GiB. */
  maxCopiedBytes?: number | undefined;
  /** Bytes of such a part; default 1 GiB. */
  partBytes?: number | undefined;
}

/**
 * Makes an object as new as if it had been written now, by a copy onto itself. Resolves with false if it is not there any
 * more.
 */
export async function touch(
  client: S3Client,
  key: string,
  size: number,
  { signal, maxCopiedBytes = MAX_COPIED_BYTES, partBytes = GIBIBYTE }: TouchOptions = {},
): Promise<boolean> {
  if (size <= maxCopiedBytes) return client.copy(key, key, { signal });
  const upload = await client.createUpload(key, { signal });
  const parts: Part[] = [];
  try {
    for (let start = 0; start < size; start += partBytes) {
      const source = { from: key, start, length: Math.min(partBytes, size - start) };
      parts.push(await client.uploadPartCopy(upload, parts.length + 1, source, { signal }));
    }
    return await client.completeUpload(upload, parts, { signal });
  } catch (error) {
    await abandon(client, upload);
    if (isLadingError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}
