import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { copyFile, open, readFile, truncate, writeFile } from 'node:fs/promises';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { copyImages } from '../../src/operations/copy.js';
import { type LoadOptions, type LoadResult, load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { openPath } from '../../src/store/open.js';
import { warningsInto } from '../support/events.js';
import { fixturePath } from '../support/fixtures.js';
import {
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';
import { startRegistry, type TestRegistry } from './registry.js';

const DOCKER_ARCHIVE = fixturePath('archives/docker20-multi.tar');

describe('load', () => {
  const path = useFolder('the suite');
  let source: TestRegistry;
  let amd64: MadeImage;
  let index: MadeIndex;
  let cacheBefore: string | undefined;
  before(async () => {
    cacheBefore = process.env.XDG_CACHE_HOME;
    process.env.XDG_CACHE_HOME = path('cache');
    source = await startRegistry();
    amd64 = await makeImage({ seed: 'load-amd64', layers: [400_000, 900] });
    const arm64 = await makeImage({ seed: 'load-arm64', platform: { os: 'linux', architecture: 'arm64' } });
    index = makeIndex([amd64, arm64]);
    await source.put('team/multi:1', index);
    await source.put('other/single:2', amd64);
    const images = [`${source.name}/team/multi:1`, `${source.name}/other/single:2`];
    await save({ images, output: path('images.tar') });
  });
  after(async () => {
    await source.close();
    if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cacheBefore;
  });

  let registry: UploadRegistry;
  beforeEach(async () => {
    registry = await startUploadRegistry();
  });
  afterEach(() => registry.close());

  const run = (options: Partial<LoadOptions> = {}): Promise<LoadResult> =>
    load({ input: path('images.tar'), destination: registry.host, retries: 0, ...options });
  const tagsOf = async (repository: string) => {
    const tags: string[] = [];
    for await (const { name } of registry.repository(repository).names()) tags.push(name);
    return tags.sort();
  };
  const uploads = () => registry.requests.filter((request) => /^PUT .*\/blobs\/uploads\//.test(request));

  it('pushes every image under its own path, digests unchanged', async () => {
    const { images, blobs } = await run();
    assert.deepEqual(
      images.map(({ name, pushed, digest }) => [name, pushed, digest]),
      [
        [
          `${source.name}/other/single:2`,
          `${registry.host}/other/single:2`,
          amd64.manifest.descriptor.digest,
        ],
        [`${source.name}/team/multi:1`, `${registry.host}/team/multi:1`, index.manifest.descriptor.digest],
      ],
    );
    assert.equal(
      (await registry.repository('team/multi').resolve('1')).digest,
      index.manifest.descriptor.digest,
    );
    assert.ok(blobs.pushed > 0);
  });

  it('sends a blob that two repositories need once, and mounts it in the other', async () => {
    const { blobs } = await run();
    assert.equal(uploads().length, blobs.pushed);
    assert.equal(blobs.mounted, amd64.layers.length + 1);
    assert.equal(blobs.pushed + blobs.mounted, blobs.total);
  });

  it('sends it twice where the registry does not mount', async () => {
    await registry.close();
    registry = await startUploadRegistry({ mounts: false });
    const { blobs } = await run();
    assert.equal(blobs.mounted, 0);
    assert.equal(blobs.pushed, blobs.total);
  });

  it('pushes nothing the second time', async () => {
    await run();
    registry.requests.length = 0;
    const { blobs, bytes } = await run();
    assert.deepEqual([blobs.pushed, blobs.mounted, blobs.present, bytes.pushed], [0, 0, blobs.total, 0]);
    assert.deepEqual(uploads(), []);
  });

  it('sets tags when all content of all images is there', async () => {
    await run();
    const firstTag = registry.requests.findIndex((request) => /^PUT .*\/manifests\/[0-9]$/.test(request));
    const lastContent = registry.requests.findLastIndex((request) =>
      /^(PUT .*\/blobs\/|PUT .*\/manifests\/sha256)/.test(request),
    );
    assert.ok(firstTag > lastContent, `${firstTag} > ${lastContent}`);
  });

  it('asks the registry for each root by its digest afterwards', async () => {
    await run();
    const proof = registry.requests.slice(
      registry.requests.findLastIndex((request) => request.startsWith('PUT')) + 1,
    );
    const expected = [
      `other/single/manifests/${amd64.manifest.descriptor.digest}`,
      `team/multi/manifests/${index.manifest.descriptor.digest}`,
    ];
    // The registry's log shortens what looks like the ID of an upload.
    assert.deepEqual(
      proof.sort().map((request) => request.slice(0, 50)),
      expected.map((target) => `HEAD /v2/${target}`.slice(0, 50)),
    );
  });

  it('pushes the images that were asked for, under the prefix', async () => {
    const { images } = await run({ destination: `${registry.host}/mirror`, images: ['team/multi:1'] });
    assert.deepEqual(
      images.map(({ pushed }) => pushed),
      [`${registry.host}/mirror/team/multi:1`],
    );
    assert.deepEqual(await tagsOf('mirror/team/multi'), ['1']);
    assert.deepEqual(await tagsOf('other/single'), []);
    await assert.rejects(run({ images: ['none:1'] }), { code: 'NOT_FOUND' });
  });

  it('asks the registry what it would send with --dry-run, and sends nothing', async () => {
    const before = await run({ dryRun: true });
    assert.equal(before.dryRun, true);
    assert.ok(
      registry.requests.every((request) => /^(HEAD|GET) /.test(request)),
      registry.requests.join('\n'),
    );
    assert.deepEqual([...new Set(Object.values(before.standings ?? {}))], ['new']);
    const pushed = await run({});
    assert.deepEqual([before.blobs, before.bytes], [pushed.blobs, pushed.bytes]);
    assert.deepEqual(before.images, pushed.images);

    const after = await run({ dryRun: true });
    assert.deepEqual(after.bytes, { pushed: 0 });
    assert.deepEqual(after.blobs, { ...pushed.blobs, pushed: 0, mounted: 0, present: pushed.blobs.total });
    assert.deepEqual([...new Set(Object.values(after.standings ?? {}))], ['same']);
  });

  it('says with --dry-run that only compressing shows whether an image is there', async () => {
    const docker = { input: DOCKER_ARCHIVE, destination: `${registry.host}/plain`, images: ['tiny:1'] };
    const name = `${registry.host}/plain/library/tiny:1`;
    assert.deepEqual((await run({ ...docker, dryRun: true })).standings, { [name]: 'new' });
    const { images } = await run(docker);
    const { standings, images: planned } = await run({ ...docker, dryRun: true });
    assert.notEqual(planned[0]?.digest, images[0]?.digest);
    assert.deepEqual(standings, { [name]: 'unknown' });
  });

  it('says with --dry-run which tags would move, and refuses what --no-clobber refuses', async () => {
    await run({ images: ['other/single:2'] });
    await source.put('other/single:2', await makeImage({ seed: 'load-other' }));
    await save({ images: [`${source.name}/other/single:2`], output: path('moving.tar') });
    await source.put('other/single:2', amd64);
    const moving = { input: path('moving.tar'), dryRun: true };
    assert.deepEqual((await run(moving)).standings, { [`${registry.host}/other/single:2`]: 'moves' });
    await assert.rejects(run({ ...moving, noClobber: true }), { code: 'ALREADY_EXISTS' });
  });

  it('tells the names alone with --dry-run where the registry cannot be reached', async () => {
    const warnings: string[] = [];
    const away = { destination: '127.0.0.1:1', dryRun: true, onEvent: warningsInto(warnings) };
    const { images, standings } = await run({ ...away, keepHost: true });
    assert.equal(images[0]?.pushed, `127.0.0.1:1/${source.name.replace(':', '-')}/other/single:2`);
    assert.equal(standings, undefined);
    assert.match(warnings.join(), /unknown what would be pushed: .*127\.0\.0\.1:1/);
  });

  it('refuses to move a tag with --no-clobber, before anything is sent', async () => {
    await run({ images: ['other/single:2'] });
    const other = await makeImage({ seed: 'load-other' });
    await source.put('other/single:2', other);
    await save({ images: [`${source.name}/other/single:2`], output: path('moved.tar') });
    await source.put('other/single:2', amd64);
    registry.requests.length = 0;
    await assert.rejects(run({ input: path('moved.tar'), noClobber: true }), { code: 'ALREADY_EXISTS' });
    assert.deepEqual(uploads(), []);
    assert.equal(
      (await registry.repository('other/single').resolve('2')).digest,
      amd64.manifest.descriptor.digest,
    );
    await run({ input: path('moved.tar') });
    assert.equal(
      (await registry.repository('other/single').resolve('2')).digest,
      other.manifest.descriptor.digest,
    );
  });

  it('compresses plain layers the same way each time, and pushes nothing the second time', async () => {
    const first = await run({ input: DOCKER_ARCHIVE });
    const second = await run({ input: DOCKER_ARCHIVE });
    assert.deepEqual(second.images, first.images);
    assert.equal(second.blobs.pushed, 0);
    const [image] = first.images;
    const store = registry.repository('library/tiny');
    const manifest = JSON.parse((await (await store.fetch(await store.resolve('1'))).toArray()).join(''));
    assert.equal(image?.digest, (await store.resolve('1')).digest);
    for (const { mediaType } of manifest.layers) assert.equal(mediaType, MEDIA_TYPE.dockerLayerGzip);
  });

  it('reads an archive from a stream', async () => {
    const { images, input } = await run({ input: createReadStream(path('images.tar')) });
    assert.equal(input, '-');
    assert.equal(images.length, 2);
  });

  it('names a nameless image as it is told', async () => {
    await save({
      images: [`${source.name}/other/single@${amd64.manifest.descriptor.digest}`],
      output: path('layout/'),
    });
    const file = path('layout/index.json');
    const document = JSON.parse(await readFile(file, 'utf8'));
    for (const entry of document.manifests) delete entry.annotations;
    await writeFile(file, JSON.stringify(document));
    await assert.rejects(run({ input: path('layout') }), { code: 'USAGE', message: /has no name/ });
    const { images } = await run({ input: path('layout'), name: 'new/name:7' });
    assert.deepEqual(
      images.map(({ pushed }) => pushed),
      [`${registry.host}/new/name:7`],
    );
  });

  it('pushes signatures and referrers with their image', async () => {
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const sbom = makeReferrer(amd64.manifest.descriptor, {
      artifactType: 'text/spdx',
      payload: Buffer.from('sbom'),
    });
    await source.put('signed/app:1', amd64);
    await source.put(`signed/app:${signature.tag}`, signature);
    await source.put('signed/app:sbom', sbom);
    await save({ images: [`${source.name}/signed/app:1`], output: path('signed.tar') });
    await run({ input: path('signed.tar') });
    const store = registry.repository('signed/app');
    assert.equal((await store.resolve(signature.tag)).digest, signature.manifest.descriptor.digest);
    assert.equal(
      (await store.resolve(sbom.manifest.descriptor.digest)).digest,
      sbom.manifest.descriptor.digest,
    );
  });

  describe('of a damaged archive', () => {
    /** Where a blob of the image stands in the archive. */
    async function placeOf(digest: `sha256:${string}`): Promise<{ offset: number; size: number }> {
      const store = await openPath(path('images.tar'));
      try {
        const region = await store.region({ digest, mediaType: '', size: 0 });
        assert.ok(region);
        return region;
      } finally {
        await store.close();
      }
    }

    it('moves no tag when a layer has a flipped bit', async () => {
      const [layer] = amd64.layers;
      assert.ok(layer);
      const { offset } = await placeOf(layer.descriptor.digest as `sha256:${string}`);
      await copyFile(path('images.tar'), path('flipped.tar'));
      const file = await open(path('flipped.tar'), 'r+');
      await file.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, offset + 100);
      await file.close();
      await assert.rejects(run({ input: path('flipped.tar') }), ({ message }: Error) =>
        message.includes(layer.descriptor.digest),
      );
      assert.deepEqual([...(await tagsOf('team/multi')), ...(await tagsOf('other/single'))], []);
    });

    it('moves no tag when it is cut short', async () => {
      await copyFile(path('images.tar'), path('cut.tar'));
      await truncate(path('cut.tar'), 100_000);
      await assert.rejects(run({ input: path('cut.tar') }), { code: 'INVALID_ARCHIVE' });
      assert.deepEqual(registry.requests, []);
    });
  });
});

describe('copy', () => {
  const path = useFolder();
  let source: TestRegistry;
  let destination: UploadRegistry;
  let image: MadeImage;
  before(async () => {
    source = await startRegistry();
    image = await makeImage({ seed: 'copy', layers: [3000] });
    await source.put('a/b:1', image);
  });
  after(() => source.close());
  beforeEach(async () => {
    destination = await startUploadRegistry();
  });
  afterEach(() => destination.close());

  it('goes from registry to registry', async () => {
    const { images, blobs } = await copyImages({
      source: `docker://${source.name}/a/b:1`,
      destination: `docker://${destination.host}/c/d:2`,
    });
    assert.equal(images[0]?.copied, `${destination.host}/c/d:2`);
    assert.equal(blobs.copied, 2);
    assert.equal((await destination.repository('c/d').resolve('2')).digest, image.manifest.descriptor.digest);
  });

  it('mounts within a registry, and keeps the tag where none is given', async () => {
    await copyImages({
      source: `docker://${source.name}/a/b:1`,
      destination: `docker://${destination.host}/c/d`,
    });
    const { blobs, images } = await copyImages({
      source: `docker://${destination.host}/c/d:1`,
      destination: `docker://${destination.host}/e/f`,
    });
    assert.deepEqual([blobs.mounted, blobs.copied], [2, 0]);
    assert.equal(images[0]?.copied, `${destination.host}/e/f:1`);
  });

  it('goes between registries, layouts and archives, digests unchanged', async () => {
    await copyImages({ source: `docker://${source.name}/a/b:1`, destination: `oci:${path('layout')}:mine` });
    await copyImages({ source: `oci:${path('layout')}:mine`, destination: `oci-archive:${path('a.tar')}` });
    await copyImages({ source: path('a.tar'), destination: `docker://${destination.host}/x` });
    assert.equal(
      (await destination.repository('x').resolve('mine')).digest,
      image.manifest.descriptor.digest,
    );
  });

  it('adds to what is there', async () => {
    await source.put('a/b:2', await makeImage({ seed: 'copy-2' }));
    await copyImages({
      source: `docker://${source.name}/a/b:1`,
      destination: `oci-archive:${path('two.tar')}`,
    });
    await copyImages({
      source: `docker://${source.name}/a/b:2`,
      destination: `oci-archive:${path('two.tar')}`,
    });
    const store = await openPath(path('two.tar'));
    try {
      assert.equal(store.indexEntries.length, 2);
    } finally {
      await store.close();
    }
  });

  it('refuses one tag for several images', async () => {
    await assert.rejects(
      copyImages({ source: DOCKER_ARCHIVE, destination: `docker://${destination.host}/x:1` }),
      { code: 'USAGE', message: /2 images cannot all be called 1/ },
    );
  });
});
