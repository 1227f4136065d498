import assert from 'node:assert/strict';
import type { Source } from '../../../src/store/store.js';
import { type MadeImage, makeImage, pushAll } from '../../support/images.js';
import { useBucket } from './use-bucket.js';

describe('many names in a bucket with an index.json', () => {
  const bucket = useBucket();
  const NAMES = Array.from({ length: 30 }, (_, place) => `registry.test/app:${place}`);
  let one: MadeImage;
  let other: MadeImage;

  beforeEach(async () => {
    one = await makeImage({ seed: 'one' });
    other = await makeImage({ seed: 'other' });
    const store = await bucket.write();
    await pushAll(store, one.all);
    await pushAll(store, other.all);
    for (const name of NAMES) await store.tag(one.manifest.descriptor, name);
    await store.writeIndex();
  });

  /** Returns what the names stand for, and how many of their objects were read. */
  async function readNames(reader: Source): Promise<{ found: Map<string, string>; read: number }> {
    const before = bucket.count('GET', ({ key }) => key?.includes('/names/') === true);
    const found = new Map<string, string>();
    for await (const { name, descriptor } of reader.names()) found.set(name, descriptor.digest);
    return { found, read: bucket.count('GET', ({ key }) => key?.includes('/names/') === true) - before };
  }
  const expected = (moved?: string): Map<string, string> =>
    new Map(NAMES.map((name) => [name, (name === moved ? other : one).manifest.descriptor.digest]));
  const sorted = (names: Map<string, string>) => [...names].sort();

  it('are read from it, all at once', async () => {
    const { found, read } = await readNames(await bucket.read());
    assert.deepEqual(sorted(found), sorted(expected()));
    assert.equal(read, 0);
  });

  it('are read themselves if they were moved since, or removed', async () => {
    const [moved = '', removed = ''] = NAMES;
    const store = await bucket.write();
    await store.tag(other.manifest.descriptor, moved);
    const key = [...bucket.fake.objects.keys()].find(
      (path) =>
        path.includes('/names/') &&
        Buffer.from(path.split('/').at(-1)?.slice(0, -5) ?? '', 'base64url').toString() === removed,
    );
    bucket.fake.objects.delete(key ?? assert.fail());
    const { found, read } = await readNames(await bucket.read());
    const left = expected(moved);
    left.delete(removed);
    assert.deepEqual(sorted(found), sorted(left));
    assert.equal(read, 1);
  });

  it('are all read themselves where it cannot be read, or the service has other ETags', async () => {
    const index = bucket.fake.objects.get('p/index.json') ?? assert.fail();
    bucket.fake.objects.set('p/index.json', { ...index, bytes: Buffer.from('{"not":"an index"}') });
    assert.equal((await readNames(await bucket.read())).read, NAMES.length);
    bucket.fake.objects.set('p/index.json', index);
    for (const [path, object] of bucket.fake.objects)
      if (path.includes('/names/'))
        bucket.fake.objects.set(path, { ...object, etag: `"${path.length}-kms"` });
    const { found, read } = await readNames(await bucket.read());
    assert.deepEqual(sorted(found), sorted(expected()));
    assert.equal(read, NAMES.length);
  });

  it('are not looked for in an index that was read before', async () => {
    const reader = await bucket.read();
    await readNames(reader);
    const store = await bucket.write();
    for (const name of NAMES) await store.tag(other.manifest.descriptor, name);
    const gets = () =>
      bucket.fake.requests.filter(({ method, key }) => method === 'GET' && key === 'p/index.json');
    const before = gets().length;
    const { now } = Date;
    let result: Awaited<ReturnType<typeof readNames>>;
    try {
      // Lists are used for five seconds.
      Date.now = () => now() + 6000;
      result = await readNames(reader);
    } finally {
      Date.now = now;
    }
    const { found, read } = result;
    assert.equal(new Set(found.values()).size, 1);
    assert.equal(found.get(NAMES[0] ?? ''), other.manifest.descriptor.digest);
    assert.equal(read, NAMES.length);
    const [request, ...others] = gets().slice(before);
    assert.ok(request?.headers['if-none-match'] !== undefined && others.length === 0);
  });
});
