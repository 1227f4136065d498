import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { digestOf } from '../../src/content/digest.js';
import { type LoadOptions, type LoadResult, load } from '../../src/operations/load.js';
import { configFor, dockerArchive, plainLayer } from '../support/docker-archives.js';
import { randomBytesFrom } from '../support/images.js';
import { makeTar } from '../support/tar-maker.js';
import { useFolder } from '../support/temporary.js';
import {
  startUploadRegistry,
  type UploadRegistry,
  type UploadRegistryOptions,
} from '../support/upload-registry.js';

describe('load of plain layers', () => {
  const path = useFolder('the suite');
  const small = plainLayer('base');
  const own = plainLayer('of the other image');
  const large = makeTar({ name: 'large', body: randomBytesFrom('load-plain', 4_000_000) });
  let registry: UploadRegistry;
  let cacheBefore: string | undefined;
  before(async () => {
    cacheBefore = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = path('cache');
    await writeFile(path('one.tar'), archive({ 'team/app:1': [small, large] }));
    // The larger one is compressed first; the other one takes far longer than it takes to begin with an upload.
    const [larger, other] = ['larger', 'other'].map((name, place) =>
      makeTar({
        name,
        body: Buffer.from(randomBytesFrom(name, 6_500_000 - place * 500_000).toString('hex')),
      }),
    );
    assert.ok(larger && other);
    await writeFile(path('slow.tar'), archive({ 'team/app:1': [other, larger] }));
    await writeFile(path('other.tar'), archive({ 'team/app:1': [small, own] }));
    await writeFile(path('two.tar'), archive({ 'team/app:1': [small, own], 'team/tool:1': [small] }));
    const damaged = Buffer.from(archive({ 'team/app:1': [small, large] }));
    damaged.write('damaged', damaged.indexOf(large.subarray(2_000_000, 2_000_100)));
    await writeFile(path('damaged.tar'), damaged);
  });
  after(() => {
    if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cacheBefore;
  });
  afterEach(() => registry.close());

  const start = async (options: UploadRegistryOptions = {}) => {
    registry = await startUploadRegistry(options);
  };
  const run = (input: string, options: Partial<LoadOptions> = {}): Promise<LoadResult> =>
    load({ input: path(input), destination: registry.host, retries: 0, ...options });
  const sent = () => registry.requests.filter((request) => /^(POST|PATCH|PUT) /.test(request));
  const asked = (method: string) => registry.requests.filter((request) => request.startsWith(`${method} `));
  const tagged = () => registry.requests.filter((request) => /^PUT .*\/manifests\/1$/.test(request));

  it('sends a layer while another one is compressed', async () => {
    await start();
    let sentBefore: string[] = [];
    await run('slow.tar', {
      onEvent: ({ type }) => {
        if (type === 'planned') sentBefore = sent();
      },
    });
    assert.match(sentBefore[0] ?? 'nothing', /^POST /);
    assert.equal(tagged().length, 1);
  });

  it('asks for and sends each blob once, and counts all of them', async () => {
    await start();
    const { blobs, bytes } = await run('one.tar');
    assert.deepEqual(blobs, { total: 3, pushed: 3, mounted: 0, present: 0 });
    assert.ok(bytes.pushed > 4_000_000);
    assert.equal(asked('POST').length, 3);
    assert.equal(asked('HEAD').filter((request) => request.includes('/blobs/')).length, 3);
    registry.requests.length = 0;
    assert.deepEqual((await run('one.tar')).blobs, { total: 3, pushed: 0, mounted: 0, present: 3 });
    assert.deepEqual(asked('POST'), []);
  });

  it('sends a layer of two images once, and mounts it for the other', async () => {
    await start();
    const { blobs } = await run('two.tar');
    assert.deepEqual(blobs, { total: 5, pushed: 4, mounted: 1, present: 0 });
    assert.equal(asked('PUT').filter((request) => request.includes('/blobs/')).length, 4);
  });

  it('sends nothing with --dry-run, nor where --no-clobber refuses', async () => {
    await start();
    await run('one.tar', { dryRun: true });
    assert.deepEqual(sent(), []);
    await run('one.tar');
    registry.requests.length = 0;
    await assert.rejects(run('other.tar', { noClobber: true }), { code: 'ALREADY_EXISTS' });
    assert.deepEqual(sent(), []);
  });

  it('goes through with --no-clobber where the tag stands for the same image already', async () => {
    await start();
    await run('one.tar');
    const before = tagged();
    const { blobs } = await run('one.tar', { noClobber: true });
    assert.equal(blobs.pushed, 0);
    assert.deepEqual([...new Set(tagged())], before);
  });

  it('tags nothing when a layer is damaged', async () => {
    await start();
    await assert.rejects(run('damaged.tar'), {
      code: 'DIGEST_MISMATCH',
      message: new RegExp(`${digestOf(large)}.*team/app:1`),
    });
    assert.deepEqual(tagged(), []);
  });

  it('fails as the first upload does', async () => {
    await start({ refuse: ({ method }) => (method === 'POST' ? { status: 403 } : undefined) });
    await assert.rejects(run('one.tar'), { code: 'DENIED' });
    assert.deepEqual(tagged(), []);
  });

  it('tries an upload again that broke off before the images were complete', async () => {
    let refused = 0;
    const busy = { status: 503, headers: { 'retry-after': '0' } };
    await start({ refuse: ({ method }) => (method === 'POST' && refused++ === 0 ? busy : undefined) });
    const { blobs } = await run('one.tar', { retries: 1 });
    assert.equal(blobs.pushed, 3);
    assert.equal(refused, 4);
  });

  it('ends when it is aborted during an upload', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    await start({
      refuse({ method }) {
        if (method === 'POST') controller.abort(reason);
        return undefined;
      },
    });
    await assert.rejects(run('one.tar', { signal: controller.signal }));
    assert.deepEqual(tagged(), []);
  });
});

/** As `docker save` makes it: images of plain layers, by name. */
function archive(images: Record<string, Buffer[]>): Buffer {
  const files: Record<string, Buffer> = {};
  const items = Object.entries(images).map(([name, layers]) => {
    const config = configFor(...layers);
    const named = layers.map((layer) => ({ layer, path: `${digestOf(layer).slice(7)}.tar` }));
    const configPath = `${digestOf(config).slice(7)}.json`;
    files[configPath] = config;
    for (const { layer, path } of named) files[path] = layer;
    return { Config: configPath, RepoTags: [name], Layers: named.map(({ path }) => path) };
  });
  return dockerArchive(files, items);
}
