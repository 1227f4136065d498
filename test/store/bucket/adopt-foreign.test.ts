import assert from 'node:assert/strict';
import type { BucketSource } from '../../../src/store/bucket/bucket-source.js';
import { removeBucketNames } from '../../../src/store/bucket/remove-names.js';
import type { FakeRequest } from '../../support/fake-s3.js';
import { makeImage, pushAll } from '../../support/images.js';
import { fillWithEverything } from '../contract-reading.js';
import { useBucket } from './use-bucket.js';

describe('a bucket whose images are those of another tool', () => {
  const bucket = useBucket();
  const { write, read } = bucket;

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

  it('keeps them when it gets its first name', async () => {
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
