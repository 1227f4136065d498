import { isLadingError, LadingError, RegistryError } from '../../errors.js';
import { parseLayoutVersion } from '../../manifest/layout-documents.js';
import { isRetryable, retrying } from '../../retry.js';
import { payloadOf, type S3Client } from '../../s3/client.js';
import { LAYOUT_FILE } from '../layout/layout-index.js';
import type { BucketKeys } from './keys.js';

export interface FirstWriteOptions {
  location: string;
  /** Write also where the service does not know conditions. */
  singleWriter: boolean;
  onWarning: (message: string) => void;
}

const MAX_LAYOUT_FILE_BYTES = 4096;
/** A service may have a bad moment, but is not waited for here as long as later. */
const PROBE_RETRIES = 2;

/**
 * Makes the layout if there is none, and finds out what the service can. `oci-layout` itself is what is tried with: it is
 * written twice on the condition that it is new, always with the same bytes, and the second time must be refused. Resolves
 * with whether conditions can be relied on; rejects with `UNSUPPORTED` if they cannot and there may be other writers, and
 * with `ALREADY_EXISTS` if something else is below the prefix.
 */
export async function beginWriting(
  client: S3Client,
  keys: BucketKeys,
  options: FirstWriteOptions,
): Promise<{ hasConditions: boolean }> {
  const { location, singleWriter, onWarning } = options;
  if (!(await hasLayout(client, keys, location))) await requireEmpty(client, keys, location);
  const [hasConditions, checksDigests] = await Promise.all([
    knowsConditions(client, keys),
    refusesOtherBytes(client, keys),
  ]);
  if (!hasConditions && !singleWriter)
    throw new LadingError(
      'UNSUPPORTED',
      `${client.host} ignores If-None-Match, so of two writers into ${location} one would lose its names`,
      {
        hint: 'Use a service that knows conditional writes, or let nobody else write there.',
        remedy: 'singleWriter',
      },
    );
  if (!checksDigests)
    onWarning(
      `${client.host} does not compare what it gets with the signed digest; lading itself has, before it was sent`,
    );
  return { hasConditions };
}

/** True if there is a layout below the prefix; rejects with `INVALID_LAYOUT` if it has another version. */
export async function hasLayout(client: S3Client, keys: BucketKeys, location: string): Promise<boolean> {
  const file = await client.read(keys.layout, { maxBytes: MAX_LAYOUT_FILE_BYTES });
  if (file === undefined || file === 'unchanged') return false;
  parseLayoutVersion(file.bytes, `${location}: oci-layout`);
  return true;
}

async function requireEmpty(client: S3Client, keys: BucketKeys, location: string): Promise<void> {
  // What an interrupted first run, or one at the same time, leaves behind.
  const isOwn = (key: string): boolean => key === keys.probe || key === keys.layout;
  for await (const { key } of client.list(keys.prefix, { most: 3 })) {
    if (isOwn(key)) continue;
    if (key.startsWith(keys.blobs) && (await hasLayout(client, keys, location))) return;
    throw new LadingError('ALREADY_EXISTS', `${location} has other objects, such as ${key}`, {
      hint: 'Name a prefix that is empty or has images already.',
    });
  }
}

async function knowsConditions(client: S3Client, keys: BucketKeys): Promise<boolean> {
  const write = () =>
    client.put(keys.layout, payloadOf(LAYOUT_FILE), {
      condition: { isNew: true },
      contentType: 'application/json',
    });
  try {
    return (await write()) === undefined || (await write()) === undefined;
  } catch (error) {
    // Some services refuse headers that they do not know.
    if (!(error instanceof RegistryError) || error.status !== 501) throw error;
    await client.put(keys.layout, payloadOf(LAYOUT_FILE), { contentType: 'application/json' });
    return false;
  }
}

/** Sends bytes with the digest of others. The object is removed where it is taken. */
async function refusesOtherBytes(client: S3Client, keys: BucketKeys): Promise<boolean> {
  const payload = {
    ...payloadOf(Buffer.from('signed')),
    open: () => Buffer.from('wrong!'),
    isRepeatable: false,
  };
  // The client would also repeat what the service refuses as damaged, which is the answer that is wanted here.
  const isWorthRetrying = (error: unknown): boolean =>
    isRetryable(error) && !isLadingError(error, 'DIGEST_MISMATCH');
  try {
    await retrying(keys.probe, () => client.put(keys.probe, payload), {
      retries: PROBE_RETRIES,
      isWorthRetrying,
    });
  } catch (error) {
    const isRefused = error instanceof RegistryError && error.status === 400;
    if (!isRefused && !isLadingError(error, 'DIGEST_MISMATCH')) throw error;
    return true;
  }
  await client.delete(keys.probe);
  return false;
}
