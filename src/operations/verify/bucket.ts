import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Digest, encodedOf } from '../../content/digest.js';
import { diskError } from '../../disk/disk.js';
import { retrying } from '../../retry.js';
import type { BucketSource } from '../../store/bucket/bucket-source.js';
import type { ContentFile } from '../../store/content-files.js';
import type { VerifiedContent } from './blobs.js';
import type { VerifyOptions } from './result.js';

/** A blob in a bucket. */
interface StoredBlob {
  digest: Digest;
  path: string;
  size: number;
}

/** Blobs are hashed in batches of so many bytes, or one that is larger: they are on the disk meanwhile. */
const BATCH_BYTES = 256 * 1024 * 1024;
const BATCH_BLOBS = 256;
/** How many of a batch are fetched at a time. */
const FETCHED_AT_ONCE = 8;

/** What is done with the blobs of a bucket. */
interface BlobCheck {
  isToHash(blob: StoredBlob): boolean;
  verifyFiles(files: readonly ContentFile[], onHashed: (bytes: number) => void): Promise<VerifiedContent>;
}

/**
 * Verifies the blobs of a bucket: each is fetched to a file in `folder`, a batch at a time, and removed when it was
 * hashed.
 */
export async function verifyStoredBlobs(
  source: BucketSource,
  folder: string,
  { isToHash, verifyFiles }: BlobCheck,
  options: VerifyOptions,
): Promise<VerifiedContent> {
  const { signal, onEvent } = options;
  const blobs: StoredBlob[] = [];
  for await (const blob of source.blobs(signal)) if (isToHash(blob)) blobs.push(blob);
  const totalBytes = blobs.reduce((sum, { size }) => sum + size, 0);
  const whole: VerifiedContent = { findings: [], notes: [], count: 0, bytes: 0, diffIDs: 0 };
  for (const batch of batchesOf(blobs)) {
    const files = await fetchAll(source, batch, folder, options);
    const found = await verifyFiles(files, (bytes) => onEvent?.({ type: 'hashed', bytes, totalBytes }));
    for (const { region } of files) await rm(region.path, { force: true });
    whole.findings.push(...found.findings);
    whole.notes.push(...found.notes);
    whole.count += found.count;
    whole.bytes += found.bytes;
    whole.diffIDs += found.diffIDs;
  }
  return whole;
}

function* batchesOf(blobs: readonly StoredBlob[]): Generator<StoredBlob[]> {
  let batch: StoredBlob[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    if (batch.length > 0 && (bytes + blob.size > BATCH_BYTES || batch.length === BATCH_BLOBS)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(blob);
    bytes += blob.size;
  }
  if (batch.length > 0) yield batch;
}

async function fetchAll(
  source: BucketSource,
  batch: readonly StoredBlob[],
  folder: string,
  options: VerifyOptions,
): Promise<ContentFile[]> {
  const files: ContentFile[] = [];
  const queue = [...batch.entries()];
  const fetchNext = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [place, blob] = next;
      const path = join(folder, `${place}-${encodedOf(blob.digest)}`);
      await fetchBlob(source, blob, path, options);
      files[place] = { digest: blob.digest, path: blob.path, region: { path, offset: 0, size: blob.size } };
    }
  };
  await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, fetchNext));
  return files;
}

/** Fetches a blob to a file; what breaks off continues at the byte that it had reached. */
async function fetchBlob(
  source: BucketSource,
  { digest, size }: StoredBlob,
  path: string,
  { signal, onEvent }: VerifyOptions,
): Promise<void> {
  let start = 0;
  const attempt = async (): Promise<void> => {
    // What an earlier attempt has written, which may be less than what it received.
    start = (await stat(path).catch(() => undefined))?.size ?? 0;
    const body = await source.fetch({ mediaType: '', digest, size }, { start, signal });
    try {
      await pipeline(body, createWriteStream(path, { flags: start === 0 ? 'w' : 'r+', start }));
    } catch (error) {
      throw diskError(error, path);
    }
  };
  await retrying(digest, attempt, { signal, onEvent }, () => start);
}
