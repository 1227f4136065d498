import { ContentError, LadingError } from '../../errors.js';
import { parseBucketAddress } from '../../s3/address.js';
import { payloadOf, type S3Client } from '../../s3/client.js';
import { type BucketConnection, connectToBucket, type Surroundings } from '../../s3/connect.js';

/**
 * Reads a single object, `s3://BUCKET/KEY`, which is no image. Rejects with `NOT_FOUND` if it is not there, and with
 * `TOO_LARGE` above `maxBytes`.
 */
export async function readDocument(
  text: string,
  { maxBytes, ...options }: BucketConnection & { maxBytes: number },
  surroundings?: Surroundings,
): Promise<Buffer> {
  return withObject(text, options, surroundings, async (client, key) => {
    const read = await client.read(key, { maxBytes });
    if (read === undefined || read === 'unchanged')
      throw new ContentError('NOT_FOUND', `${text}: there is no such object`);
    return read.bytes;
  });
}

/** Writes a single object, or replaces it. */
export async function writeDocument(
  text: string,
  bytes: Buffer,
  options: BucketConnection = {},
  surroundings?: Surroundings,
): Promise<void> {
  await withObject(text, { ...options, needsKey: true }, surroundings, (client, key) =>
    client.put(key, payloadOf(bytes), { contentType: 'application/json' }),
  );
}

async function withObject<T>(
  text: string,
  options: BucketConnection,
  surroundings: Surroundings | undefined,
  use: (client: S3Client, key: string) => Promise<T>,
): Promise<T> {
  const address = parseBucketAddress(text);
  const key = address.prefix.slice(0, -1);
  if (key === '' || text.endsWith('/'))
    throw new LadingError('USAGE', `"${text}" names no object`, { hint: 'Write s3://BUCKET/KEY.' });
  const client = await connectToBucket(address, options, surroundings);
  try {
    return await use(client, key);
  } finally {
    await client.close();
  }
}
