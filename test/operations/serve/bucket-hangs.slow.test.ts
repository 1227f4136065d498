import assert from 'node:assert/strict';
import type { Serving } from '../../../src/operations/serve/serve.js';
import { useBucket } from '../../store/bucket/use-bucket.js';
import { BUCKET } from '../../support/fake-s3.js';
import { makeImage, pushAll } from '../../support/images.js';

/** More than a request to the bucket may take, with its repetitions; less than two of them take. */
const SOON_MS = 3000;

describe('a registry over a bucket that fails', () => {
  const bucket = useBucket();
  const before = { ...process.env };
  const tags = Array.from({ length: 5 }, (_, place) => `tag-${place}`);
  let serving: Serving;
  let layer: string;

  beforeEach(async () => {
    const store = await bucket.write();
    for (const tag of tags) {
      const image = await makeImage({ seed: tag });
      await pushAll(store, image.all);
      await store.tag(image.manifest.descriptor, `app:${tag}`);
      layer = image.layers[0]?.descriptor.digest ?? assert.fail();
    }
    Object.assign(process.env, bucket.fake.environment);
    // As serve imports the client of buckets: otherwise tsx has two of each module, and errors of two classes.
    const { serve } = await import('../../../src/operations/serve/serve.js');
    serving = await serve(`s3://${BUCKET}/p`, { port: 0, s3: { endpoint: bucket.fake.endpoint } });
  });
  afterEach(async () => {
    await serving.close();
    process.env = { ...before };
  });

  /** Resolves with what came, in time. */
  async function ask(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${serving.port}${path}`, { signal: AbortSignal.timeout(SOON_MS) });
  }

  /** Asks for each kind of content: those of a blob are the first that read the manifests of a repository. */
  async function refused(): Promise<void> {
    const paths = [`blobs/${layer}`, 'manifests/tag-1'];
    const answers = await Promise.all(paths.map((path) => ask(`/v2/library/app/${path}`)));
    for (const answer of answers) {
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1'], answer.url);
      assert.match(await answer.text(), /UNAVAILABLE/);
    }
  }

  for (const [what, fault] of [
    ['hangs', { status: 0, isSilent: true }],
    ['closes connections', { status: 0, isCut: true }],
    ['answers with 500', { status: 500, code: 'InternalError' }],
    ['wants fewer requests', { status: 503, code: 'SlowDown', headers: { 'retry-after': '30' } }],
  ] as const)
    it(`says so soon when the bucket ${what}, and serves when it is back`, async () => {
      bucket.fake.fail(() => fault);
      await refused();
      await new Promise((resolve) => setTimeout(resolve, 1100)); // the last good answer to a probe is over
      assert.equal((await ask('/healthz')).status, 503);
      bucket.fake.fail(undefined);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      assert.equal((await ask(`/v2/library/app/blobs/${layer}`)).status, 200);
      const until = performance.now() + SOON_MS;
      while ((await ask('/healthz')).status !== 200) assert.ok(performance.now() < until);
    });
});
