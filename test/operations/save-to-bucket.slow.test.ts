import assert from 'node:assert/strict';
import { useBucket } from '../store/bucket/use-bucket.js';
import { BUCKET } from '../support/fake-s3.js';
import { type MadeImage, makeImage, makeIndex, pushAll } from '../support/images.js';
import { runLading } from '../support/programs/lading.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('a save into a bucket', () => {
  const bucket = useBucket();
  let registry: TestRegistry;
  let images: MadeImage[];
  let names: string[];

  beforeEach(async () => {
    registry = await startRegistry();
    images = await Promise.all([1, 2, 3].map((seed) => makeImage({ seed, layers: [3000, 200] })));
    names = images.map((_, place) => `${registry.name}/team/app:${place}`);
    for (const [place, image] of images.entries()) await registry.put(`team/app:${place}`, image);
  });
  afterEach(() => registry.close());

  async function lading(args: readonly string[], code = 0) {
    const output = ['-o', `s3://${BUCKET}/p`, '--s3-endpoint', bucket.fake.endpoint];
    const env = { ...bucket.fake.environment, AWS_ENDPOINT_URL_S3: '', LADING_PLAIN_HTTP: 'true' };
    const outcome = await runLading(['save', ...args, ...output], { env });
    assert.equal(outcome.code, code, outcome.stderr);
    return outcome;
  }

  /** Saves the images, and returns what the registry was asked for. */
  async function run(code = 0, ...more: string[]): Promise<string[]> {
    const from = registry.requests.length;
    await lading([...names, ...more], code);
    return registry.requests.slice(from).map(({ method, url }) => `${method} ${url}`);
  }

  it('asks the registry only for the digests of tags when all is there', async () => {
    await run();
    const again = await run();
    assert.deepEqual(
      again.filter((request) => /^GET .*\/(manifests|blobs)\//.test(request)),
      [],
    );
    assert.equal(again.filter((request) => /^HEAD .*\/manifests\//.test(request)).length, names.length);
  });

  it('writes in the way that its flags say', async () => {
    await run(0, '--sse', 'AES256');
    assert.ok(
      bucket.count('PUT', ({ headers }) => headers['x-amz-server-side-encryption'] === 'AES256') >=
        names.length,
    );
    await run(2, '--part-size', '1M');
  });

  it('is planned by a dry run, which writes nothing', async () => {
    const [first = assert.fail()] = names;
    for (const there of [[], [first], names]) {
      if (there.length > 0) await lading(there);
      const from = bucket.fake.requests.length;
      const plan = JSON.parse((await lading([...names, '--dry-run', '--json'])).stdout);
      assert.deepEqual(
        bucket.fake.requests.slice(from).filter(({ method }) => method !== 'GET' && method !== 'HEAD'),
        [],
      );
      const saved = JSON.parse((await lading([...names, '--json'])).stdout);
      assert.deepEqual(plan.images, saved.images);
      assert.equal(plan.bytes.missing, saved.bytes.fetched);
      assert.deepEqual(
        { total: plan.blobs.total, fetched: plan.blobs.missing, reused: plan.blobs.present },
        saved.blobs,
      );
      await bucket.restart({});
    }
  });

  it('does not read the names of other images', async () => {
    const store = await bucket.write();
    const other = images[0] ?? assert.fail();
    await pushAll(store, other.all);
    for (let place = 0; place < 20; place += 1) await store.tag(other.manifest.descriptor, `other:${place}`);
    await run();
    const read = bucket.count('GET', ({ key }) => key?.includes('other') === true);
    assert.equal(read, 0);
  });

  it('has what it read of the images in the bucket before their layers, for the next attempt', async () => {
    const layers = new Set(
      images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest)),
    );
    bucket.fake.fail(({ method, key = '' }) =>
      method === 'PUT' && [...layers].some((digest) => key.endsWith(digest.slice('sha256:'.length)))
        ? { status: 403, code: 'AccessDenied' }
        : undefined,
    );
    await run(6);
    bucket.fake.fail(undefined);
    assert.deepEqual(blobsIn(await run()), [...layers].sort());
  });

  it('stores what it read of images even if it ends before all are read', async () => {
    // What is deepest is read last, one request after the other, and is not there.
    const lacking = await makeImage({ seed: 'lacking' });
    const index = makeIndex([makeIndex([lacking])]);
    await registry.put('team/app:9', { ...index, all: index.all.filter((one) => one !== lacking.manifest) });
    await run(3, `${registry.name}/team/app:9`, '--concurrency', '1', '--no-referrers');
    assert.equal(
      bucket.count('PUT', ({ key }) => key?.includes('/names/') === true),
      0,
    );
    const layers = images.flatMap((image) => image.layers.map(({ descriptor }) => descriptor.digest));
    assert.deepEqual(blobsIn(await run()), layers.sort());
  });
});

function blobsIn(requests: readonly string[]): string[] {
  return requests.flatMap((request) => /^GET .*\/blobs\/(.*)$/.exec(request)?.[1] ?? []).sort();
}
