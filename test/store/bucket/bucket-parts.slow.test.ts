import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { Readable } from 'node:stream';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { isRetryable } from '../../../src/retry.js';
import type { BucketStore } from '../../../src/store/bucket/bucket-store.js';
import { contentOf, makeImage, pushAll, randomBytesFrom } from '../../support/images.js';
import { openerOf, readAll } from '../../support/openers.js';
import { breakingAfter, useBucket } from './use-bucket.js';

const PART = 5 * 1024 * 1024;
const SMALL_PARTS = { s3: { partBytes: PART } };

describe('a bucket that is written to, slowly', () => {
  describe('a blob in parts', () => {
    const bucket = useBucket();
    const { write, objectOf } = bucket;
    const partsSent = (): number => bucket.count('PUT', ({ query }) => query.has('partNumber'));
    const large = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('large', 4 * PART + 1234));

    it('is whole, and each part is signed', async () => {
      const store = await write(SMALL_PARTS);
      let told = 0;
      await store.push(large.descriptor, openerOf(large.bytes), {
        onBytes: (bytes) => {
          told += bytes;
        },
      });
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
      assert.equal(partsSent(), 5);
      assert.equal(told, large.bytes.length);
      assert.equal(bucket.fake.uploads.size, 0);
      assert.ok(
        (await readAll(store, large.descriptor, { start: PART - 3 })).equals(large.bytes.subarray(PART - 3)),
      );
    });

    it('is not joined if the whole is not what its digest says', async () => {
      const store = await write(SMALL_PARTS);
      const wrong = Buffer.from(large.bytes);
      wrong[3 * PART] = (wrong[3 * PART] ?? 0) ^ 1;
      await assert.rejects(store.push(large.descriptor, openerOf(wrong)), { code: 'DIGEST_MISMATCH' });
      assert.equal(objectOf(large), undefined);
      assert.equal(bucket.fake.uploads.size, 0);
      await store.push(large.descriptor, openerOf(large.bytes));
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('continues behind the last whole part after the source broke off', async () => {
      const store = await write(SMALL_PARTS);
      await assert.rejects(store.push(large.descriptor, breakingAfter(large.bytes, 2.5 * PART)), {
        code: 'CUT_SHORT',
      });
      assert.equal(partsSent(), 2);
      const starts: number[] = [];
      await store.push(large.descriptor, async ({ start = 0 } = {}) => {
        starts.push(start);
        return Readable.from([large.bytes.subarray(start)]);
      });
      assert.deepEqual(starts, [2 * PART]);
      assert.equal(partsSent(), 5);
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('sends a part that failed again, and takes no other bytes for it', async () => {
      const store = await write({ ...SMALL_PARTS, retries: 0 });
      bucket.fake.fail(({ query }) =>
        query.get('partNumber') === '2' ? { status: 500, code: 'InternalError' } : undefined,
      );
      await assert.rejects(store.push(large.descriptor, openerOf(large.bytes)), { code: 'REGISTRY' });
      bucket.fake.fail(undefined);
      const wrong = Buffer.from(large.bytes).fill(0, PART, PART + 10);
      await assert.rejects(store.push(large.descriptor, openerOf(wrong)), { code: 'DIGEST_MISMATCH' });
      await store.push(large.descriptor, openerOf(large.bytes));
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('sends only what is missing of an earlier run, and other bytes again', async () => {
      const first = await write(SMALL_PARTS);
      const earlier = Buffer.from(large.bytes).fill(0, 0, 10);
      await assert.rejects(first.push(large.descriptor, breakingAfter(earlier, 2.5 * PART)));
      await first.close();
      assert.equal(partsSent(), 2);
      await (await write(SMALL_PARTS)).push(large.descriptor, openerOf(large.bytes));
      // The first part was another one, the second is there.
      assert.equal(partsSent(), 2 + 4);
      assert.equal(bucket.fake.uploads.size, 0);
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('is sent as a whole again where Node.js has no MD5 to compare with, as with FIPS', async () => {
      const first = await write(SMALL_PARTS);
      await assert.rejects(first.push(large.descriptor, breakingAfter(large.bytes, 2.5 * PART)));
      await first.close();
      const { createHash } = crypto;
      crypto.createHash = (algorithm, options) => {
        if (algorithm === 'md5') throw new Error('digital envelope routines::unsupported');
        return createHash(algorithm, options);
      };
      syncBuiltinESMExports();
      const before = partsSent();
      const store = await write(SMALL_PARTS);
      try {
        await store.push(large.descriptor, openerOf(large.bytes));
      } finally {
        crypto.createHash = createHash;
        syncBuiltinESMExports();
      }
      assert.equal(partsSent() - before, 5);
      assert.equal(bucket.fake.uploads.size, 0);
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('begins a new upload where the parts of an earlier run have another size', async () => {
      const first = await write({ s3: { partBytes: 2 * PART } });
      await assert.rejects(first.push(large.descriptor, breakingAfter(large.bytes, 2.5 * PART)));
      await (await write(SMALL_PARTS)).push(large.descriptor, openerOf(large.bytes));
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
      assert.equal(bucket.fake.uploads.size, 1);
    });

    it('may not be continued without the permission for that, but is written', async () => {
      bucket.fake.fail(({ method, query }) =>
        method === 'GET' && query.has('uploads') ? { status: 403, code: 'AccessDenied' } : undefined,
      );
      await (await write(SMALL_PARTS)).push(large.descriptor, openerOf(large.bytes));
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('is written although its upload is ended by a collection meanwhile', async () => {
      const store = await write(SMALL_PARTS);
      let parts = 0;
      bucket.fake.fail(({ query }) => {
        parts += query.has('partNumber') ? 1 : 0;
        if (parts === 3) bucket.fake.uploads.clear();
        return undefined;
      });
      await assert.rejects(store.push(large.descriptor, openerOf(large.bytes)), (error) =>
        isRetryable(error),
      );
      await store.push(large.descriptor, openerOf(large.bytes));
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
      assert.equal(bucket.fake.uploads.size, 0);
    });

    it('of two writers is one, whoever is first', async () => {
      const [one, other] = [await write(SMALL_PARTS), await write(SMALL_PARTS)];
      const retried = async (store: BucketStore): Promise<void> => {
        for (let attempt = 0; attempt < 5; attempt += 1) {
          try {
            return await store.push(large.descriptor, openerOf(large.bytes));
          } catch (error) {
            if (!(error instanceof Error) || !('code' in error) || error.code !== 'CUT_SHORT') throw error;
          }
        }
      };
      await Promise.all([retried(one), retried(other)]);
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
    });

    it('is there after the answer to its completion was lost', async () => {
      const store = await write(SMALL_PARTS);
      let left = 1;
      bucket.fake.fail(({ method, query }) =>
        method === 'POST' && query.has('uploadId') && left-- > 0
          ? { status: 500, isCut: true, isDone: true }
          : undefined,
      );
      await store.push(large.descriptor, openerOf(large.bytes)).catch(async (error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'CUT_SHORT');
        await store.push(large.descriptor, openerOf(large.bytes));
      });
      assert.ok(objectOf(large)?.bytes.equals(large.bytes));
      assert.equal(partsSent(), 5);
    });

    it('has parts of at least 5 MiB', async () => {
      await assert.rejects(write({ s3: { partBytes: PART - 1 } }), { code: 'USAGE' });
    });
  });

  describe('a name', () => {
    const bucket = useBucket();
    const { write } = bucket;

    it('that others keep moving is given up after ten tries', async () => {
      const image = await makeImage({ seed: 'moved' });
      const store = await write();
      await pushAll(store, image.all);
      let tries = 0;
      bucket.fake.fail(({ method, key }) => {
        if (method !== 'PUT' || !key?.includes('names/')) return undefined;
        tries += 1;
        return { status: 412, code: 'PreconditionFailed' };
      });
      await assert.rejects(store.tag(image.manifest.descriptor, 'app:1'), {
        code: 'CONFLICT',
        message: /app:1 of s3:\/\/images\/p was moved by others 10 times/,
      });
      assert.equal(tries, 10);
    }).timeout(20_000);
  });
});
