import assert from 'node:assert/strict';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { ContentError, isLadingError } from '../../../src/errors.js';
import type { BucketSource } from '../../../src/store/bucket/bucket-source.js';
import { removeBucketNames } from '../../../src/store/bucket/remove-names.js';
import type { FakeRequest } from '../../support/fake-s3.js';
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

  describe('names', () => {
    it('of many writers are all there', async () => {
      const image = await makeImage({ seed: 'shared' });
      const writers = await Promise.all([1, 2, 3, 4].map(() => write()));
      await Promise.all(
        writers.map(async (store, place) => {
          await pushAll(store, image.all);
          for (let tag = 0; tag < 5; tag += 1)
            await store.tag(image.manifest.descriptor, `registry.test/app-${place}:${tag}`);
        }),
      );
      const names: string[] = [];
      for await (const { name } of (await read()).names()) names.push(name);
      assert.equal(names.length, 20);
      const sent = bucket.fake.requests.filter(
        ({ method, key }) => method === 'PUT' && key?.includes('blobs/sha256') === true,
      );
      const kept = [...bucket.fake.objects.keys()].filter((key) => key.includes('blobs/sha256'));
      assert.equal(kept.length, image.all.length);
      assert.ok(sent.length >= kept.length);
    });

    it('that two writers move at once end with one of both, and nobody overwrites unseen', async () => {
      const images = await Promise.all([1, 2, 3].map((seed) => makeImage({ seed })));
      const [first] = images;
      const store = await write();
      for (const image of images) await pushAll(store, image.all);
      await store.tag(first?.manifest.descriptor ?? assert.fail(), 'app:1');
      const writers = await Promise.all(images.map(() => write()));
      await Promise.all(
        writers.map(async (writer, place) =>
          writer.tag(images[place]?.manifest.descriptor ?? assert.fail(), 'app:1'),
        ),
      );
      const moves = bucket.fake.requests.filter(
        ({ method, key }) => method === 'PUT' && key?.includes('names/'),
      );
      for (const { headers } of moves) assert.ok(headers['if-none-match'] === '*' || headers['if-match']);
      const { digest } = await (await read()).resolve('app:1');
      assert.ok(images.some(({ manifest }) => manifest.descriptor.digest === digest));
    });

    it('stay what they are with noClobber, of two writers too', async () => {
      const [one, other] = [await makeImage({ seed: 'one' }), await makeImage({ seed: 'other' })];
      const [first, second] = [
        await write({ noClobber: true, retries: 0 }),
        await write({ noClobber: true, retries: 0 }),
      ];
      await pushAll(first, one.all);
      await pushAll(second, other.all);
      const tagged = await Promise.allSettled([
        first.tag(one.manifest.descriptor, 'app:1'),
        second.tag(other.manifest.descriptor, 'app:1'),
      ]);
      const [lost, ...others] = tagged.filter((result) => result.status === 'rejected');
      assert.equal(others.length, 0);
      assert.ok(isLadingError(lost?.reason, 'ALREADY_EXISTS'));
      assert.match(
        lost.reason.message,
        /^app:1 in s3:\/\/images\/p already exists and is another image: sha256:/,
      );
      const winner = tagged[0]?.status === 'fulfilled' ? one : other;
      const before = bucket.count('PUT');
      await first.tag(winner.manifest.descriptor, 'app:1');
      assert.equal((await first.resolve('app:1')).digest, winner.manifest.descriptor.digest);
      // The only request that wrote had the condition that the name is new.
      assert.equal(bucket.count('PUT') - before, 1);
    });

    it('in two spellings are one', async () => {
      const [one, two] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
      const store = await write();
      await pushAll(store, [...one.all, ...two.all]);
      await store.tag(one.manifest.descriptor, 'docker.io/library/alpine:3');
      await store.tag(two.manifest.descriptor, 'alpine:3');
      const names: string[] = [];
      for await (const { name } of (await read()).names()) names.push(name);
      assert.deepEqual(names, ['alpine:3']);
      assert.equal((await store.resolve('library/alpine:3')).digest, two.manifest.descriptor.digest);
    });

    it('are read once as long as they stay what they are', async () => {
      const image = await makeImage({ seed: 'read once' });
      const store = await write();
      await pushAll(store, image.all);
      for (const tag of [1, 2, 3]) await store.tag(image.manifest.descriptor, `registry.test/app:${tag}`);
      const reader = await read();
      const all = async (): Promise<number> => {
        let found = 0;
        for await (const _ of reader.names()) found += 1;
        return found;
      };
      assert.equal(await all(), 3);
      const before = bucket.fake.requests.length;
      assert.equal(await all(), 3);
      assert.equal(bucket.fake.requests.length, before);
    });

    it('of a damaged object are refused', async () => {
      const store = await write();
      await store.prepare();
      const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}');
      bucket.fake.objects.set('p/names/YXBw.json', { bytes, etag: '"x"', modified: 0, headers: {} });
      await assert.rejects((await read()).resolve('app'), (error) => error instanceof ContentError);
    });

    it('of a damaged object are given anew, but not with noClobber', async () => {
      const image = await makeImage({ seed: 'anew' });
      const store = await write();
      await pushAll(store, image.all);
      const key = `p/names/${Buffer.from('registry.test/app:1').toString('base64url')}.json`;
      for (const bytes of [Buffer.from('{}'), Buffer.alloc(300_000)]) {
        bucket.fake.objects.set(key, { bytes, etag: '"x"', modified: 0, headers: {} });
        const careful = await write({ noClobber: true });
        const refused = careful.tag(image.manifest.descriptor, 'registry.test/app:1');
        await assert.rejects(refused, { code: 'INVALID_LAYOUT' });
        await (await write()).tag(image.manifest.descriptor, 'registry.test/app:1');
        const found = await (await read()).resolve('registry.test/app:1');
        assert.equal(found.digest, image.manifest.descriptor.digest);
      }
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

  it('keeps the images of another tool when it writes its first name', async () => {
    const held = await (async () => {
      const store = await write();
      const filled = await fillWithEverything(store);
      await store.writeIndex();
      return filled;
    })();
    for (const key of [...bucket.fake.objects.keys()])
      if (key.includes('/names/') || key.includes('/attachments/')) bucket.fake.objects.delete(key);
    const image = await makeImage({ seed: 'new' });
    const store = await write();
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, 'new');
    const reader = await read();
    for (const [name, { descriptor }] of [...Object.entries(held.named), ['new', image.manifest] as const])
      assert.equal((await reader.resolve(name)).digest, descriptor.digest, name);
    let attached = 0;
    for await (const _ of reader.referrers(held.subject.descriptor)) attached += 1;
    assert.equal(attached, held.attached.length);
  });

  describe('whose images are those of another tool', () => {
    /** Two images in `index.json` alone. */
    const foreign = async () => {
      const images = await Promise.all([1, 2].map((seed) => makeImage({ seed: `foreign ${seed}` })));
      const store = await write();
      for (const [place, image] of images.entries()) {
        await pushAll(store, image.all);
        await store.tag(image.manifest.descriptor, `registry.test/foreign:${place}`);
      }
      await store.writeIndex();
      for (const key of [...bucket.fake.objects.keys()])
        if (key.includes('/names/')) bucket.fake.objects.delete(key);
    };
    const namesIn = async (source: { names(): AsyncIterable<{ name: string }> }): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of source.names()) names.push(name);
      return names.sort();
    };
    /** Writes a first name, and is killed before the request that fits. */
    const killedBefore = async (fits: (request: FakeRequest) => boolean): Promise<void> => {
      const image = await makeImage({ seed: 'own' });
      const store = await write({ retries: 0 });
      await pushAll(store, image.all);
      bucket.fake.fail((request) => (fits(request) ? { status: 403, code: 'AccessDenied' } : undefined));
      await assert.rejects(store.tag(image.manifest.descriptor, 'registry.test/own:1'), { code: 'DENIED' });
      bucket.fake.fail(undefined);
    };
    const FOREIGN = ['registry.test/foreign:0', 'registry.test/foreign:1'];
    const adoptions = (): string[] =>
      [...bucket.fake.objects.keys()].filter((key) => key.startsWith('p/names/adopting-'));

    it('hides none of them when a program is killed that gives them names, and the next one goes on', async () => {
      await foreign();
      let puts = 0;
      await killedBefore(
        ({ method, key = '' }) => method === 'PUT' && /names\/.*json/.test(key) && ++puts === 2,
      );
      assert.equal([...bucket.fake.objects.keys()].filter((key) => /names\/.*json/.test(key)).length, 1);
      assert.equal(adoptions().length, 1);
      assert.deepEqual(await namesIn(await read()), FOREIGN);

      const image = await makeImage({ seed: 'next' });
      const store = await write();
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, 'registry.test/next:1');
      assert.deepEqual(adoptions(), []);
      assert.deepEqual(await namesIn(await read()), [...FOREIGN, 'registry.test/next:1']);
    });

    it('are read again when they have names, and when their index changes', async () => {
      await foreign();
      const { now } = Date;
      let passedMs = 0;
      Date.now = () => now() + passedMs;
      try {
        const reader = (await read()) as BucketSource;
        assert.deepEqual(await namesIn(reader), FOREIGN);
        const [before, same] = [bucket.fake.requests.length, await reader.foreign()];
        await namesIn(reader);
        assert.equal(bucket.fake.requests.length, before);
        passedMs += 6000;
        assert.equal(await reader.foreign(), same);
        // A list of names, and an index that has not changed.
        assert.equal(bucket.fake.requests.length, before + 2);

        const index = bucket.fake.objects.get('p/index.json');
        assert.ok(index);
        const { manifests, ...rest } = JSON.parse(index.bytes.toString());
        const bytes = Buffer.from(JSON.stringify({ ...rest, manifests: manifests.slice(1) }));
        bucket.fake.objects.set('p/index.json', { ...index, bytes, etag: '"other"' });
        passedMs += 6000;
        assert.equal((await namesIn(reader)).length, 1);

        const image = await makeImage({ seed: 'own' });
        const store = await write();
        await pushAll(store, image.all);
        await store.tag(image.manifest.descriptor, 'registry.test/own:1');
        passedMs += 6000;
        assert.equal((await namesIn(reader)).at(-1), 'registry.test/own:1');
      } finally {
        Date.now = now;
      }
    });

    it('are not given names again that were removed, by a program that began before', async () => {
      await foreign();
      const late = await write();
      await late.foreign();
      await removeBucketNames(await write(), { images: [FOREIGN[0] ?? ''] });
      await late.adopt();
      assert.deepEqual(await namesIn(await read()), FOREIGN.slice(1));
      assert.deepEqual(adoptions(), []);
    });
  });
});
