import assert from 'node:assert/strict';
import { type ServeOptions, type Serving, serve } from '../../../src/operations/serve/serve.js';
import { blobKey, useBucket } from '../../store/bucket/use-bucket.js';
import { BUCKET } from '../../support/fake-s3.js';
import { type MadeImage, makeImage, pushAll } from '../../support/images.js';

describe('a registry over a bucket', () => {
  const bucket = useBucket();
  const before = { ...process.env };
  let image: MadeImage;
  let serving: Serving;

  const start = async (options: ServeOptions = {}): Promise<void> => {
    Object.assign(process.env, bucket.fake.environment);
    serving = await serve(`s3://${BUCKET}/p`, {
      port: 0,
      s3: { endpoint: bucket.fake.endpoint },
      ...options,
    });
  };
  const get = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${serving.port}${path}`, { redirect: 'manual', ...init });
  const layer = () => image.layers[0] ?? assert.fail();
  const blob = (init?: RequestInit) => get(`/v2/library/app/blobs/${layer().descriptor.digest}`, init);

  beforeEach(async () => {
    image = await makeImage({ seed: 'served' });
    const store = await bucket.write();
    await pushAll(store, image.all);
    await store.tag(image.manifest.descriptor, 'app:1');
  });
  afterEach(async () => {
    await serving.close();
    process.env = { ...before };
  });

  it('sends clients to signed URLs for blobs, with their ranges, and answers the rest itself', async () => {
    await start({ redirect: true });
    const answer = await blob();
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    const url = new URL(answer.headers.get('location') ?? '');
    assert.equal(url.origin, bucket.fake.endpoint);
    assert.equal(url.searchParams.get('X-Amz-Expires'), '900');
    const got = await blob({ redirect: 'follow' });
    assert.ok(Buffer.from(await got.arrayBuffer()).equals(layer().bytes));
    const part = await blob({ redirect: 'follow', headers: { range: 'bytes=3-9' } });
    assert.equal(part.status, 206);
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(layer().bytes.subarray(3, 10)));
    const head = await blob({ method: 'HEAD' });
    assert.equal(head.headers.get('content-length'), String(layer().bytes.length));
    assert.equal((await get('/v2/library/app/manifests/1')).status, 200);
    const unknown = await get(`/v2/library/app/blobs/sha256:${'0'.repeat(64)}`);
    assert.equal(unknown.status, 404);
  });

  it('passes blobs through without it', async () => {
    await start();
    const answer = await blob();
    assert.equal(answer.status, 200);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(layer().bytes));
    assert.equal((await blob({ headers: { range: 'bytes=3-9' } })).status, 206);
  });

  it('finds out that a blob was changed in the bucket, also after it was sent whole', async () => {
    await start();
    for (let round = 0; round < 2; round += 1)
      assert.ok(Buffer.from(await (await blob()).arrayBuffer()).equals(layer().bytes));
    const object = bucket.objectOf(layer()) ?? assert.fail();
    const bytes = Buffer.from(layer().bytes);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    bucket.fake.objects.set(blobKey(layer().descriptor), { ...object, bytes, etag: '"another"' });
    for (let round = 0; round < 2; round += 1)
      await assert.rejects(
        blob().then(async (answer) => {
          assert.equal(answer.status, 200, 'a small blob is refused before its first byte');
          return answer.arrayBuffer();
        }),
      );
  });

  it('is ready as long as the bucket can be read', async () => {
    await start();
    assert.equal((await get('/healthz')).status, 200);
    bucket.fake.fail(() => ({ status: 403, code: 'AccessDenied' }));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.equal((await get('/healthz')).status, 503);
  });

  it('takes no pushes, and says why', async () => {
    await start();
    await assert.rejects(serve(`s3://${BUCKET}/p`, { port: 0, writable: true }), { code: 'UNSUPPORTED' });
    await assert.rejects(serve('layout', { port: 0, redirect: true }), { code: 'USAGE' });
  });
});
