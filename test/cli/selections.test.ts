import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Digest } from '../../src/content/digest.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { startRegistry, type TestRegistry } from '../operations/registry.js';
import { type FakeS3, startFakeS3 } from '../support/fake-s3.js';
import { type MadeImage, makeImage, makeIndex, pushAll } from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { runInProcess } from './in-process.js';
import { startLading } from './program.js';

const NAMES = ['ghcr.io/product/api:4.2.0', 'ghcr.io/product/api:4.3.0', 'docker.io/library/alpine:3.20'];
const MULTI = 'ghcr.io/product/multi:1';
const BUCKET = 's3://images/all';

describe('flags that choose images and platforms', () => {
  const path = useFolder('the suite');
  let images: MadeImage[];
  /** The layer of another platform of `MULTI` than arm64. */
  let hidden: Digest;
  let registry: TestRegistry;
  let bucket: FakeS3;
  before(async () => {
    registry = await startRegistry();
    bucket = await startFakeS3();
    images = await Promise.all(NAMES.map((seed) => makeImage({ seed, layers: [500] })));
    const layout = await openLayoutForWriting(path('layout'));
    for (const [place, name] of NAMES.entries()) {
      const image = images[place] ?? assert.fail(name);
      await pushAll(layout, image.all);
      await layout.tag(image.manifest.descriptor, name);
      await registry.put(name.slice(name.indexOf('/') + 1), image);
    }
    const arm64 = { os: 'linux', architecture: 'arm64' };
    const amd64 = await makeImage({ seed: 'multi', layers: [500] });
    hidden = amd64.layers[0]?.descriptor.digest ?? assert.fail();
    const multi = makeIndex([
      amd64,
      await makeImage({ seed: 'multi-arm64', layers: [500], platform: arm64 }),
    ]);
    await pushAll(layout, multi.all);
    await layout.tag(multi.manifest.descriptor, MULTI);
    await layout.commit();
    await layout.close();
  });
  after(async () => {
    await registry.close();
    await bucket.close();
  });

  const lading = (...args: string[]) => runInProcess([...args, '--quiet'], { env: bucket.environment });
  const jsonOf = async (...args: string[]) => {
    const { code, stdout, stderr } = await lading(...args, '--json');
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const namesOf = (result: { images: { name: string }[] }): string[] =>
    result.images.map(({ name }) => name).sort();
  const named = (...names: string[]): string[] => names.map((name) => `${registry.name}/${name}`);

  it('are --select of ls, also given twice, with a short name, a pattern and one of tags', async () => {
    const ls = (...flags: string[]) => jsonOf('ls', path('layout'), ...flags).then(namesOf);
    assert.deepEqual(await ls('--select', 'alpine'), [NAMES[2]]);
    assert.deepEqual(await ls('--select', 'alpine', '--select', 'api:{newest 1}'), [NAMES[2], NAMES[1]]);
    assert.deepEqual(await ls('--select', 'ghcr.io/product/*'), [NAMES[0], NAMES[1], MULTI]);
    const tags = await jsonOf('ls', `${registry.name}/product/api`, '--select', '{>=4.3}');
    assert.deepEqual(tags.tags, ['4.3.0']);
    const nothing = await lading('ls', path('layout'), '--select', 'alpin');
    assert.equal(nothing.code, 5);
    assert.match(nothing.stderr, /holds no image "alpin"\nhint: .*docker\.io\/library\/alpine:3\.20/);
    assert.equal((await lading('ls', path('layout'), '--select', 'api')).code, 2);
  });

  it('are --select of copy', async () => {
    const copied = await jsonOf('copy', path('layout'), path('some/'), '--select', 'product/api:{*}');
    assert.deepEqual(namesOf(copied), NAMES.slice(0, 2));
    assert.deepEqual(namesOf(await jsonOf('ls', path('some/'))), NAMES.slice(0, 2));
  });

  it('are --select of verify, of a layout and of a bucket, where what others need is not fetched', async () => {
    await jsonOf('copy', path('layout'), path('damaged/'));
    await jsonOf('copy', path('layout'), BUCKET);
    const { digest, size } = images[2]?.layers[0]?.descriptor ?? assert.fail();
    const file = `blobs/sha256/${digest.slice('sha256:'.length)}`;
    await writeFile(path(`damaged/${file}`), Buffer.alloc(size));
    const object = bucket.objects.get(`all/${file}`) ?? assert.fail(file);
    object.bytes = Buffer.alloc(size);
    for (const place of [path('damaged'), BUCKET]) {
      const whole = await lading('verify', place, '--json');
      assert.equal(whole.code, 3, whole.stderr);
      assert.deepEqual(namesOf({ images: JSON.parse(whole.stdout).damaged }), [NAMES[2]]);
      assert.equal((await lading('verify', place, '--select', 'alpine')).code, 3);
      bucket.requests.length = 0;
      const chosen = await jsonOf('verify', place, '--select', 'ghcr.io/product/api:*');
      assert.deepEqual([chosen.ok, chosen.checked.manifests], [true, 2]);
      assert.ok(bucket.requests.every(({ key }) => key !== `all/${file}`));
    }
  });

  it('are --select of serve', async () => {
    const args = ['serve', path('layout'), '--listen', '127.0.0.1:0', '--select', '**/api'];
    const serving = startLading(args);
    try {
      const { stdout } = serving.process;
      assert.ok(stdout);
      const { value } = await createInterface({ input: stdout })[Symbol.asyncIterator]().next();
      const statusOf = async (of: string): Promise<number> =>
        (await fetch(new URL(`/v2/${of}`, value))).status;
      assert.equal(await statusOf('product/api/manifests/4.2.0'), 200);
      assert.equal(await statusOf('library/alpine/manifests/3.20'), 404);
    } finally {
      serving.process.kill('SIGTERM');
      await serving.outcome;
    }
  });

  it('are --exclude of save and lock', async () => {
    const all = named('product/api:4.2.0', 'product/api:4.3.0', 'library/alpine:3.20');
    const out = path('excluded.tar');
    const excluded = ['--exclude', 'api:{<4.3}', '--exclude', 'busybox'];
    const saved = await runInProcess(['save', ...all, ...excluded, '-o', out]);
    assert.equal(saved.code, 0, saved.stderr);
    assert.match(saved.stderr, /^warning: "busybox" excludes none of the images$/m);
    assert.deepEqual(namesOf(await jsonOf('ls', out)), named('library/alpine:3.20', 'product/api:4.3.0'));
    const locked = await lading('lock', ...all, '--exclude', '**/api');
    assert.deepEqual(namesOf(JSON.parse(locked.stdout)), named('library/alpine:3.20'));
    assert.equal((await lading('lock', ...all, '--exclude', '**')).code, 5);
  });

  it('are --platform of ls, which lists what there is for it, and not of a registry', async () => {
    const arm64 = await jsonOf('ls', path('layout'), '--platform', 'linux/arm64');
    assert.deepEqual(namesOf(arm64), [MULTI]);
    assert.deepEqual(arm64.images[0].platforms, ['linux/arm64']);
    const [whole] = (await jsonOf('ls', path('layout'), '--select', 'multi')).images;
    assert.ok(arm64.images[0].size < whole.size);
    assert.equal(arm64.bytes.total, arm64.images[0].size);
    const both = await jsonOf('ls', path('layout'), '--platform', 'linux/arm64,linux/amd64');
    assert.deepEqual(namesOf(both), namesOf(await jsonOf('ls', path('layout'))));
    const none = await lading('ls', path('layout'), '--platform', 'linux/s390x');
    assert.deepEqual([none.code, none.stdout], [5, '']);
    assert.match(none.stderr, /holds no image for linux\/s390x$/m);
    const tags = await lading('ls', `${registry.name}/product/api`, '--platform', 'linux/arm64');
    assert.equal(tags.code, 2);
    assert.match(tags.stderr, /lists only names, and platforms cannot be chosen of them\nhint: /);
  });

  it('are --platform of verify, of a layout and of a bucket, which says that others were not checked', async () => {
    await jsonOf('copy', path('layout'), BUCKET);
    const only = ['--select', 'multi', '--platform', 'linux/arm64'];
    for (const place of [path('layout'), BUCKET]) {
      bucket.requests.length = 0;
      const verified = await jsonOf('verify', place, ...only);
      assert.deepEqual(verified.platforms, { checked: 1, all: 2, unchecked: ['linux/amd64'] });
      const keys = bucket.requests.map(({ key = '' }) => key);
      const layer = hidden.slice('sha256:'.length);
      assert.deepEqual(
        keys.filter((key) => key.endsWith(layer)),
        [],
      );
      const { code, stdout } = await lading('verify', place, ...only);
      assert.deepEqual([code, stdout.split(', ').slice(3)], [0, ['1 of 2 platforms: all right\n']]);
    }
    const missing = await lading('verify', path('layout'), '--platform', 'linux/arm64');
    assert.equal(missing.code, 5);
    assert.match(
      missing.stderr,
      /is not available for linux\/arm64\nhint: It is available for linux\/amd64\./,
    );
    // A variable for saves does not make a verification smaller.
    const env = { ...bucket.environment, LADING_PLATFORM: 'linux/arm64' };
    const whole = await runInProcess(['verify', path('layout'), '--json'], { env });
    assert.equal(JSON.parse(whole.stdout).platforms, undefined);
    const two = await lading('verify', path('layout'), BUCKET, ...only);
    assert.match(two.stdout, /1 of 2 platforms: all right\nall 2 are all right\n$/);
  });

  it('are --platform and --index of load and copy', async () => {
    const copied = await lading('copy', path('layout'), path('arm64/'), '--platform', 'linux/arm64');
    assert.equal(copied.code, 5);
    assert.match(
      copied.stderr,
      /^lading: \S+ is not available for linux\/arm64\nhint: It is available for linux\/amd64\.\n$/,
    );
    const only = ['--select', 'multi', '--platform', 'linux/arm64'];
    await jsonOf('copy', path('layout'), path('arm64/'), ...only);
    const [listed] = (await jsonOf('ls', path('arm64/'))).images;
    assert.deepEqual(listed.platforms, ['linux/arm64']);
    await jsonOf('copy', path('layout'), path('sparse/'), ...only, '--index', 'sparse');

    const serving = startLading(['serve', '--writable', path('far'), '--listen', '127.0.0.1:0']);
    try {
      const { stdout } = serving.process;
      assert.ok(stdout);
      const { value } = await createInterface({ input: stdout })[Symbol.asyncIterator]().next();
      const { host } = new URL(value);
      const refused = await lading('load', '-i', path('sparse'), host);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /comes without some of its children/);
      assert.match(refused.stderr, /--platform linux\/arm64 --index rewrite writes such an index/);
      const loaded = await jsonOf('load', '-i', path('sparse'), host, '--platform', 'linux/arm64');
      assert.equal(loaded.images[0].digest, listed.digest);
    } finally {
      serving.process.kill('SIGTERM');
      await serving.outcome;
    }
  });
});
