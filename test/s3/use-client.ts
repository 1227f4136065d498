import assert from 'node:assert/strict';
import { isLadingError, type LadingError } from '../../src/errors.js';
import { parseBucketAddress } from '../../src/s3/address.js';
import type { S3Client } from '../../src/s3/client.js';
import { type BucketConnection, connectToBucket } from '../../src/s3/connect.js';
import { BUCKET, type FakeS3, startFakeS3 } from '../support/fake-s3.js';

interface UsedClient {
  /** The service, which starts anew for each test; it is closed after the test, also when another one takes its place. */
  fake: FakeS3;
  readonly client: S3Client;
  /** Makes another client, which is closed after the test. `BUCKET` in the environment is the name of its bucket. */
  connect(options?: BucketConnection, environment?: NodeJS.ProcessEnv): Promise<S3Client>;
}

/** A service of buckets and a client of it, for each test of a suite. */
export function useClient(): UsedClient {
  let fake: FakeS3 | undefined;
  let client: S3Client | undefined;
  const open: S3Client[] = [];
  const used: UsedClient = {
    get fake() {
      return fake ?? assert.fail('no test runs');
    },
    set fake(other) {
      fake = other;
    },
    get client() {
      return client ?? assert.fail('no test runs');
    },
    async connect(options = {}, environment = {}) {
      const address = parseBucketAddress(`s3://${environment.BUCKET ?? BUCKET}`);
      const made = await connectToBucket(address, options, {
        environment: { ...used.fake.environment, ...environment },
        wait: async () => undefined,
      });
      open.push(made);
      return made;
    },
  };
  beforeEach(async () => {
    fake = await startFakeS3({ pageSize: 2 });
    client = await used.connect();
  });
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
    await used.fake.close();
  });
  return used;
}

/** Returns the error that an attempt fails with. */
export async function failureOf(work: Promise<unknown>): Promise<LadingError> {
  try {
    await work;
  } catch (error) {
    if (isLadingError(error)) return error;
    throw error;
  }
  assert.fail('it did not fail');
}
