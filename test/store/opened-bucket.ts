import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import type { BucketConnection } from '../../src/s3/connect.js';
import { openBucket, openBucketForWriting } from '../../src/store/bucket/bucket.js';
import { delegate } from '../../src/store/delegate.js';
import type { Source } from '../../src/store/store.js';
import { BUCKET, type FakeS3, type FakeS3Options, startFakeS3 } from '../support/fake-s3.js';
import type { Writable } from './contract.js';

export const PLACE = `s3://${BUCKET}/the/prefix`;

/** A bucket of a fake service that is being written, and read by another program when it is whole. */
export async function openedBucket(
  service: FakeS3Options,
  options: BucketConnection = {},
): Promise<Writable> {
  const fake = await startFakeS3(service);
  const { environment } = fake;
  const wait = async () => undefined;
  const s3 = { ...options.s3, singleWriter: service.ignoresConditions === true };
  const store = await openBucketForWriting(PLACE, { ...options, s3 }, { environment, wait });
  const reopen = async () => {
    await store.close(); // the service stays
    return closing(await openBucket(PLACE, options, { environment, wait }), fake);
  };
  return { store: closing(store, fake), reopen };
}

/** Puts a folder into a bucket as other tools do that know nothing of images, and opens it. */
export async function bucketOf(directory: string): Promise<Source> {
  const fake = await startFakeS3();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const key = `the/prefix/${path.slice(directory.length + 1)}`;
    fake.objects.set(key, { bytes: readFileSync(path), etag: `"${key}"`, modified: 0, headers: {} });
  }
  return closing(await openBucket(PLACE, {}, { environment: fake.environment }), fake);
}

function closing<S extends Source>(store: S, fake: FakeS3): S {
  const close = () => store.close().finally(() => fake.close());
  return delegate<S>(store, { close } as Partial<S>); // every store has it
}
