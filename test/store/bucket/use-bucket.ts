import { Readable } from 'node:stream';
import { ContentError } from '../../../src/errors.js';
import type { BucketConnection } from '../../../src/s3/connect.js';
import { openBucket, openBucketForWriting } from '../../../src/store/bucket/bucket.js';
import type { BucketStore } from '../../../src/store/bucket/bucket-store.js';
import type { OpenContent, Source } from '../../../src/store/store.js';
import {
  BUCKET,
  type FakeObject,
  type FakeRequest,
  type FakeS3,
  type FakeS3Options,
  startFakeS3,
} from '../../support/fake-s3.js';
import type { Content } from '../../support/images.js';

const PLACE = `s3://${BUCKET}/p`;

/** A service with an empty bucket for each test, and stores in it that are closed behind the test. */
export interface UsedBucket {
  readonly fake: FakeS3;
  /** Warnings of the stores. */
  readonly warnings: readonly string[];
  /** Opens the bucket for writing, as one program of several. */
  write(options?: Parameters<typeof openBucketForWriting>[1]): Promise<BucketStore>;
  read(): Promise<Source>;
  /** Replaces the service by one with other options. */
  restart(options: FakeS3Options): Promise<void>;
  /** Returns the object of a blob. */
  objectOf(content: Content): FakeObject | undefined;
  /** Counts requests with a method so far. */
  count(method: string, fits?: (request: FakeRequest) => boolean): number;
}

export function useBucket(): UsedBucket {
  let fake: FakeS3;
  let warnings: string[];
  const stores: Source[] = [];

  beforeEach(async () => {
    fake = await startFakeS3();
    warnings = [];
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await fake.close();
  });

  const surroundings = () => ({ environment: fake.environment, wait: async () => undefined });
  const opened = <S extends Source>(store: S): S => {
    stores.push(store);
    return store;
  };
  const onEvent: BucketConnection['onEvent'] = (event) => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  return {
    get fake() {
      return fake;
    },
    get warnings() {
      return warnings;
    },
    write: async (options) =>
      opened(await openBucketForWriting(PLACE, { onEvent, ...options }, surroundings())),
    read: async () => opened(await openBucket(PLACE, {}, surroundings())),
    async restart(options) {
      await fake.close();
      fake = await startFakeS3(options);
    },
    objectOf: ({ descriptor }) => fake.objects.get(blobKey(descriptor)),
    count: (method, fits = () => true) =>
      fake.requests.filter((request) => request.method === method && fits(request)).length,
  };
}

export function blobKey({ digest }: Content['descriptor']): string {
  return `p/blobs/${digest.replace(':', '/')}`;
}

/** Gives the bytes up to `end`, and then fails. */
export function breakingAfter(bytes: Buffer, end: number): OpenContent {
  return async ({ start = 0 } = {}) => {
    async function* some(): AsyncGenerator<Buffer> {
      yield bytes.subarray(start, end);
      throw new ContentError('CUT_SHORT', 'it broke off');
    }
    return Readable.from(some());
  };
}
