import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { contentOf, makeImage, pushAll, randomBytesFrom } from '../../support/images.js';
import { openerOf, readAll } from '../../support/openers.js';
import { fillWithEverything } from '../contract-reading.js';
import { blobKey, useBucket } from './use-bucket.js';

const MEBIBYTE = 1024 * 1024;

describe('a bucket that is written to', () => {
  const bucket = useBucket();
  const { write, read, objectOf } = bucket;

  describe('for the first time', () => {
    it('finds out with oci-layout that conditions and digests count, and leaves nothing else', async () => {
      await (await write()).prepare();
      assert.deepEqual([...bucket.fake.objects.keys()], ['p/oci-layout']);
      assert.deepEqual(bucket.warnings, []);
      const before = bucket.fake.requests.length;
      await (await write()).prepare();
      assert.equal(bucket.fake.requests.length - before, 4);
    });

    it('refuses a service that ignores conditions, unless nobody else writes', async () => {
      await bucket.restart({ ignoresConditions: true });
      const blob = contentOf('text/plain', Buffer.from('x'));
      const refused = (await write()).push(blob.descriptor, openerOf(blob.bytes));
      await assert.rejects(refused, { code: 'UNSUPPORTED', remedy: 'singleWriter' });
      assert.equal(objectOf(blob), undefined);
      await (await write({ s3: { singleWriter: true } })).push(blob.descriptor, openerOf(blob.bytes));
      assert.ok(objectOf(blob));
    });

    it('takes a service that refuses the header for one that does not know it', async () => {
      bucket.fake.fail(({ headers }) =>
        headers['if-none-match'] === '*' ? { status: 501, code: 'NotImplemented' } : undefined,
      );
      await assert.rejects((await write()).prepare(), { code: 'UNSUPPORTED' });
      const image = await makeImage({ seed: 'alone' });
      const store = await write({ s3: { singleWriter: true } });
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, 'app:1');
      assert.equal((await (await read()).resolve('app:1')).digest, image.manifest.descriptor.digest);
    });

    it('warns if the service takes other bytes than were signed, and removes them', async () => {
      await bucket.restart({ ignoresDigests: true });
      await (await write()).prepare();
      assert.match(bucket.warnings.join(), /does not compare what it gets with the signed digest/);
      assert.deepEqual([...bucket.fake.objects.keys()], ['p/oci-layout']);
    });

    it('asks again if the service has a bad moment when it gets other bytes than were signed', async () => {
      await bucket.restart({ ignoresDigests: true });
      let failures = 0;
      bucket.fake.fail(({ method, key }) =>
        method === 'PUT' && key === 'p/probe' && failures++ === 0
          ? { status: 500, code: 'InternalError' }
          : undefined,
      );
      await (await write()).prepare();
      assert.equal(failures, 2);
      assert.deepEqual([...bucket.fake.objects.keys()], ['p/oci-layout']);
    });

    it('refuses a prefix with something else below it', async () => {
      const other = { bytes: Buffer.from('x'), etag: '"x"', modified: 0, headers: {} };
      bucket.fake.objects.set('p/report.pdf', other);
      await assert.rejects((await write()).prepare(), { code: 'ALREADY_EXISTS', message: /p\/report\.pdf/ });
      bucket.fake.objects.clear();
      bucket.fake.objects.set('another/report.pdf', other);
      await (await write()).prepare();
    });

    it('refuses a layout of another version', async () => {
      const bytes = Buffer.from('{"imageLayoutVersion":"2.0.0"}');
      bucket.fake.objects.set('p/oci-layout', { bytes, etag: '"x"', modified: 0, headers: {} });
      await assert.rejects((await write()).prepare(), { code: 'INVALID_LAYOUT' });
      await assert.rejects(read(), { code: 'INVALID_LAYOUT' });
    });

    it('asks again after a failure', async () => {
      const store = await write({ retries: 0 });
      bucket.fake.fail(() => ({ status: 500, code: 'InternalError' }));
      await assert.rejects(store.prepare(), { code: 'REGISTRY' });
      bucket.fake.fail(undefined);
      await store.prepare();
    });
  });

  describe('a blob', () => {
    const blob = contentOf(MEDIA_TYPE.ociLayerGzip, randomBytesFrom('blob', 3 * MEBIBYTE));

    it('is signed with its digest, and sent once, without another checksum', async () => {
      const store = await write();
      assert.equal(await store.sizeOf(blob.descriptor), undefined);
      await store.push(blob.descriptor, openerOf(blob.bytes));
      const sent = bucket.fake.requests.filter(({ key }) => key?.includes('/blobs/sha256/'));
      assert.deepEqual(
        sent.map(({ method }) => method),
        ['HEAD', 'PUT'],
      );
      const [, put] = sent;
      assert.equal(put?.headers['x-amz-content-sha256'], blob.descriptor.digest.slice('sha256:'.length));
      const checksums = Object.keys(put?.headers ?? {}).filter((name) => name.includes('checksum'));
      assert.deepEqual(checksums, []);
    });

    it('that another writer has brought meanwhile is there', async () => {
      const store = await write();
      await store.sizeOf(blob.descriptor);
      await (await write()).push(blob.descriptor, openerOf(blob.bytes));
      await store.push(blob.descriptor, openerOf(blob.bytes));
      assert.ok(objectOf(blob)?.bytes.equals(blob.bytes));
    });

    it('of another size under its name is replaced', async () => {
      const store = await write();
      await store.prepare();
      bucket.fake.objects.set(blobKey(blob.descriptor), {
        bytes: Buffer.from('half'),
        etag: '"half"',
        modified: 0,
        headers: {},
      });
      await store.push(blob.descriptor, openerOf(blob.bytes));
      assert.ok(objectOf(blob)?.bytes.equals(blob.bytes));
    });

    it('is sent again after races that the service did not decide', async () => {
      const store = await write();
      let left = 3;
      bucket.fake.fail(({ method, key }) =>
        method === 'PUT' && key?.includes('blobs') && left-- > 0
          ? { status: 409, code: 'ConditionalRequestConflict' }
          : undefined,
      );
      await store.push(blob.descriptor, openerOf(blob.bytes));
      assert.ok(objectOf(blob)?.bytes.equals(blob.bytes));
    });

    it('is right at the second try after the connection broke', async () => {
      const store = await write();
      let left = 1;
      bucket.fake.fail(({ method, key }) =>
        method === 'PUT' && key?.includes('blobs/sha256') && left-- > 0
          ? { status: 500, isCut: true, isDone: true }
          : undefined,
      );
      await assert.rejects(store.push(blob.descriptor, openerOf(blob.bytes)), { code: 'UNREACHABLE' });
      await store.push(blob.descriptor, openerOf(blob.bytes));
      assert.ok(objectOf(blob)?.bytes.equals(blob.bytes));
    });

    it('with a digest that the service cannot compare is compared here', async () => {
      const bytes = randomBytesFrom('sha512', 2 * MEBIBYTE);
      const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes, 'sha512'), size: bytes.length };
      const store = await write();
      const wrong = Buffer.from(bytes).fill(1, 0, 5);
      await assert.rejects(store.push(descriptor, openerOf(wrong)), { code: 'DIGEST_MISMATCH' });
      assert.equal(await store.sizeOf(descriptor), undefined);
      await store.push(descriptor, openerOf(bytes));
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });

    it('is damaged, or is there, also for a writer that may not end uploads', async () => {
      const bytes = randomBytesFrom('sha512', 2 * MEBIBYTE);
      const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes, 'sha512'), size: bytes.length };
      const store = await write();
      bucket.fake.fail(({ method, query }) =>
        method === 'DELETE' && query.has('uploadId') ? { status: 403, code: 'AccessDenied' } : undefined,
      );
      const wrong = Buffer.from(bytes).fill(1, 0, 5);
      await assert.rejects(store.push(descriptor, openerOf(wrong)), { code: 'DIGEST_MISMATCH' });
      await store.sizeOf(descriptor);
      await (await write()).push(descriptor, openerOf(bytes));
      await store.push(descriptor, openerOf(bytes));
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });
  });

  it('writes an index for others, with names and attachments, as often as it is asked to', async () => {
    const store = await write();
    const held = await fillWithEverything(store);
    assert.equal(await store.writeIndex(), 5);
    assert.equal(await store.writeIndex(), 5);
    for (const key of [...bucket.fake.objects.keys()])
      if (key.includes('/names/') || key.includes('/attachments/')) bucket.fake.objects.delete(key);
    const foreign = await read();
    for (const [name, { descriptor }] of Object.entries(held.named))
      assert.equal((await foreign.resolve(name)).digest, descriptor.digest);
    let attached = 0;
    for await (const _ of foreign.referrers(held.subject.descriptor)) attached += 1;
    assert.equal(attached, held.attached.length);
  });
});
