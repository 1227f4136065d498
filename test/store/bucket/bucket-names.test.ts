import assert from 'node:assert/strict';
import { ContentError, isLadingError } from '../../../src/errors.js';
import { makeImage, pushAll } from '../../support/images.js';
import { useBucket } from './use-bucket.js';

describe('names in a bucket', () => {
  const bucket = useBucket();
  const { write, read } = bucket;

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
