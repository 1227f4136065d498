import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type Serving, serve } from '../../../src/operations/serve/serve.js';
import type { BucketStore } from '../../../src/store/bucket/bucket-store.js';
import { useBucket } from '../../store/bucket/use-bucket.js';
import { BUCKET } from '../../support/fake-s3.js';
import { contentOf, type MadeImage, makeImage, makeReferrer, pushAll } from '../../support/images.js';

/** More than lists are used for. */
const OLD_MS = 5200;
const IMAGES = 40;

describe('a registry over a bucket that others write to', () => {
  const bucket = useBucket();
  const before = { ...process.env };
  let serving: Serving;
  let store: BucketStore;
  let images: MadeImage[];

  beforeEach(async () => {
    store = await bucket.write();
    images = await Promise.all(Array.from({ length: IMAGES }, (_, seed) => makeImage({ seed })));
    for (const [place, { all, manifest }] of images.entries()) {
      await pushAll(store, all);
      await store.tag(manifest.descriptor, `app:${place}`);
    }
    Object.assign(process.env, bucket.fake.environment);
    serving = await serve(`s3://${BUCKET}/p`, { port: 0, s3: { endpoint: bucket.fake.endpoint } });
  });
  afterEach(async () => {
    await serving.close();
    process.env = { ...before };
  });

  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${serving.port}/v2/library/app/${path}`);
    assert.equal(answer.status, 200, path);
    return Buffer.from(await answer.arrayBuffer());
  };
  const blobOf = (image: MadeImage | undefined) => `blobs/${image?.layers[0]?.descriptor.digest}`;

  it('shows what was attached to an image since, although no name has changed', async () => {
    const subject = images[0]?.manifest.descriptor ?? assert.fail();
    const referrers = async () => JSON.parse(String(await get(`referrers/${subject.digest}`))).manifests;
    assert.deepEqual(await referrers(), []);
    const signature = makeReferrer(subject, { artifactType: 'application/x.signature', payload: 'signed' });
    await pushAll(store, signature.all);
    await delay(OLD_MS);
    const [shown] = await referrers();
    assert.equal(shown.digest, signature.manifest.descriptor.digest);
    assert.ok((await get(`manifests/${shown.digest}`)).equals(signature.manifest.bytes));
  });

  it('reads each manifest of a repository once, and afterwards only what has changed', async () => {
    const asked = async (work: () => Promise<unknown>): Promise<string[]> => {
      const from = bucket.fake.requests.length;
      await work();
      return bucket.fake.requests.slice(from).map(({ method, key }) => `${method} ${key?.split('/')[1]}`);
    };
    const first = await asked(() => get(blobOf(images[0])));
    const count = (requests: string[], fits: string): number =>
      requests.filter((request) => request === fits).length;
    assert.equal(count(first, 'HEAD blobs'), 1);
    assert.equal(count(first, 'GET blobs'), IMAGES + 1);
    assert.equal(first.length, IMAGES + 2, first.join());

    const moved = images[1]?.manifest.descriptor ?? assert.fail();
    await store.tag(moved, 'app:0');
    await delay(OLD_MS);
    const later = await asked(() => get(blobOf(images[1])));
    assert.deepEqual(later.sort(), [
      ...['GET blobs', 'GET names', 'GET undefined', 'GET undefined', 'HEAD blobs'],
    ]);
  });

  it('shows the names that images of another tool have got since it began, and where they moved', async () => {
    await serving.close();
    await store.writeIndex();
    for (const key of bucket.fake.objects.keys())
      if (key.startsWith('p/names/')) bucket.fake.objects.delete(key);
    serving = await serve(`s3://${BUCKET}/p`, { port: 0, s3: { endpoint: bucket.fake.endpoint } });
    const digestOf = async (tag: string) => contentOf('', await get(`manifests/${tag}`)).descriptor.digest;
    assert.equal(await digestOf('0'), images[0]?.manifest.descriptor.digest);
    const moved = images[1]?.manifest.descriptor ?? assert.fail();
    const writer = await bucket.write();
    await writer.tag(moved, 'app:0');
    await writer.tag(moved, 'app:new');
    await delay(OLD_MS);
    assert.equal(await digestOf('0'), moved.digest);
    assert.equal(await digestOf('new'), moved.digest);
  });
});
