import { type Condition, isConflict, payloadOf, type S3Client } from '../../s3/client.js';

/**
 * Writes a JSON document. Resolves with its ETag, or with undefined if the condition is not met or another writer was
 * faster.
 */
export async function tryWrite(
  client: S3Client,
  key: string,
  bytes: Buffer,
  condition: Condition | undefined,
  signal?: AbortSignal,
): Promise<{ etag: string | undefined } | undefined> {
  try {
    return await client.put(key, payloadOf(bytes), { condition, contentType: 'application/json', signal });
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}
