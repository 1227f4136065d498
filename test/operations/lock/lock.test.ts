import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import type { Digest } from '../../../src/content/digest.js';
import type { Platform } from '../../../src/content/platform.js';
import type { LadingError } from '../../../src/errors.js';
import { formatLock, type Lock } from '../../../src/lock/lock.js';
import { parseLock } from '../../../src/lock/parse-lock.js';
import { lockImages } from '../../../src/operations/lock/lock.js';
import { formatLockAs } from '../../../src/operations/lock/write-lock.js';
import { save } from '../../../src/operations/save.js';
import type { SaveOptions } from '../../../src/operations/save-options.js';
import {
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
} from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry, type TestRegistry } from '../registry.js';

const ARM: Platform = { os: 'linux', architecture: 'arm64' };

describe('a save by a lock', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let index: MadeIndex;
  beforeEach(async () => {
    registry = await startRegistry();
    index = await twoPlatforms('first');
    await registry.put('app:1', index);
    await registry.put('base:2', await twoPlatforms('base'));
  });
  afterEach(() => registry.close());

  const twoPlatforms = async (seed: string): Promise<MadeIndex> =>
    makeIndex(await Promise.all([makeImage({ seed }), makeImage({ seed, platform: ARM })]));
  const named = (...images: string[]): string[] => images.map((image) => `${registry.name}/${image}`);
  const readLock = async (name: string): Promise<Lock> => parseLock(await readFile(path(name)), name);
  const tagsAsked = (from: number): string[] =>
    registry.requests
      .slice(from)
      .map(({ method, url }) => `${method} ${url}`)
      .filter((line) => /\/tags\/|\/referrers\/|\/manifests\/(?!sha256:)/.test(line));

  /** Moves tags, and attaches to the images of before what was not there. */
  async function meanwhile(): Promise<void> {
    const { descriptor } = index.manifest;
    await registry.put('app:1', await twoPlatforms('second'));
    await registry.put('base:2', await makeImage({ seed: 'another base' }));
    const signature = makeCosignSignature(descriptor, 'a later signature');
    await registry.put(`app:${signature.tag}`, signature);
    const referrer = makeReferrer(descriptor, { artifactType: 'application/later', payload: 'later' });
    await registry.put('app:later', referrer);
  }

  const CHOICES: [what: string, options: Partial<SaveOptions>, output: string][] = [
    ['all platforms', {}, 'x.tar'],
    ['one platform', { platforms: ['linux/arm64'] }, 'x.tar'],
    ['one platform of whole indexes', { platforms: ['linux/arm64'], index: 'sparse' }, 'x.tar'],
    ['no attachments', { referrers: false }, 'x.tar'],
    ['an OCI archive', { format: 'oci-archive' }, 'x.tar'],
    ['a docker-archive', { format: 'docker-archive', platforms: ['linux/amd64'] }, 'x.tar'],
    ['a compressed archive', {}, 'x.tar.gz'],
  ];
  for (const [what, options, output] of CHOICES)
    it(`writes the same bytes after tags have moved and signatures were added: ${what}`, async () => {
      const first = makeCosignSignature(index.manifest.descriptor, 'a signature');
      await registry.put(`app:${first.tag}`, first);
      const images = named('app:1', 'base:2');
      await save({ ...options, images, output: path(`a-${output}`), writeLock: path('lock.json') });
      await meanwhile();
      const from = registry.requests.length;
      const lock = await readLock('lock.json');
      // The lock says which platforms and attachments are meant; the format is the output's.
      await save({
        format: options.format,
        lock,
        output: path(`b-${output}`),
        writeLock: path('again.json'),
      });
      assert.deepEqual(tagsAsked(from), []);
      assert(
        (await readFile(path(`a-${output}`))).equals(await readFile(path(`b-${output}`))),
        'the archives differ',
      );
      assert.equal(await readFile(path('again.json'), 'utf8'), await readFile(path('lock.json'), 'utf8'));
    });

  it('takes attachments of every kind as they were: tags of cosign, referrers, and what is attached to them', async () => {
    const { descriptor } = index.manifest;
    const signature = makeCosignSignature(descriptor, 'one');
    await registry.put(`app:${signature.tag}`, signature);
    const sbom = makeReferrer(descriptor, { artifactType: 'application/sbom', payload: 'sbom' });
    await registry.put('app:sbom', sbom);
    const signed = makeReferrer(sbom.manifest.descriptor, {
      artifactType: 'application/signature',
      payload: 'signature',
    });
    await registry.put('app:signed', signed);
    const images = named('app:1');
    await save({ images, output: path('a.tar'), writeLock: path('lock.json') });
    const lock = await readLock('lock.json');
    const attached = lock.images[0]?.attachments?.map(({ subject, tag }) => ({ subject, tag: tag ?? '' }));
    const byText = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    assert.deepEqual(
      attached?.sort(byText),
      [
        { subject: descriptor.digest, tag: signature.tag },
        { subject: descriptor.digest, tag: '' },
        { subject: sbom.manifest.descriptor.digest, tag: '' },
      ].sort(byText),
    );
    // A second signature under the same tag replaces the manifest.
    const other = makeCosignSignature(descriptor, 'two');
    await registry.put(`app:${other.tag}`, other);
    await save({ lock, output: path('b.tar') });
    assert((await readFile(path('a.tar'))).equals(await readFile(path('b.tar'))));
  });

  it('writes the same bytes from a mirror alone', async () => {
    const images = named('app:1', 'base:2');
    await save({ images, output: path('a.tar'), writeLock: path('lock.json') });
    const lock = await readLock('lock.json');
    const mirror = await startRegistry();
    try {
      for (const repository of ['app', 'base'])
        mirror.replace(`copies/${repository}`, registry.storeOf(repository));
      await registry.close();
      await save({ lock, output: path('b.tar'), mirrors: { [registry.name]: [`${mirror.name}/copies`] } });
      assert((await readFile(path('a.tar'))).equals(await readFile(path('b.tar'))));
    } finally {
      await mirror.close();
      registry = await startRegistry();
    }
  });

  it('asks for nothing of 300 images that the output has', async function () {
    this.timeout(60_000);
    const image = await makeImage({ seed: 'one of many', layers: [100] });
    const names = Array.from({ length: 300 }, (_, at) => `app-${at % 10}:${at}`);
    for (const name of names) await registry.put(name, image);
    await save({ images: named(...names), output: path('a.tar'), writeLock: path('lock.json') });
    const lock = await readLock('lock.json');
    const from = registry.requests.length;
    await save({ lock, output: path('a.tar') });
    assert.deepEqual(registry.requests.slice(from), []);
  });

  it('narrows a lock of all platforms, and refuses to widen one', async () => {
    const { lock } = await lockImages({ images: named('app:1') });
    const narrow = await save({ lock, platforms: ['linux/arm64'], output: path('a.tar') });
    assert.equal(narrow.images[0]?.platforms.length, 1);
    const { lock: one } = await lockImages({ images: named('app:1'), platforms: ['linux/arm64'] });
    await assert.rejects(save({ lock: one, platforms: ['linux/amd64'], output: path('b.tar') }), {
      code: 'USAGE',
      message: /has only linux\/arm64, not linux\/amd64/,
    });
    await assert.rejects(save({ lock, images: named('base:2'), output: path('b.tar') }), { code: 'USAGE' });
  });

  it('keeps two digests of one name, as a list that names both', async () => {
    const [one, two] = await Promise.all(['one', 'two'].map((seed) => makeImage({ seed })));
    assert(one && two);
    await registry.put('app:x', one);
    await registry.put('app:y', two);
    const digests = [one, two].map(({ manifest }) => manifest.descriptor.digest);
    const images = digests.map((digest) => `${registry.name}/app:same@${digest}`);
    const first = await save({ images, output: path('a.tar'), writeLock: path('lock.json') });
    assert.equal(first.images.length, 2);
    await save({ lock: await readLock('lock.json'), output: path('b.tar') });
    assert((await readFile(path('a.tar'))).equals(await readFile(path('b.tar'))));
  });

  it('shows with an update what moved, and saves that; the lock stays as it is', async () => {
    const images = [...named('app:1', 'base:2'), `${registry.name}/app@${index.manifest.descriptor.digest}`];
    await save({ images, output: path('a.tar'), writeLock: path('lock.json') });
    const before = await readFile(path('lock.json'), 'utf8');
    const three = makeIndex([
      await makeImage({ seed: 'x' }),
      await makeImage({ seed: 'x', platform: ARM }),
      await makeImage({ seed: 'x', platform: { os: 'linux', architecture: 's390x' } }),
    ]);
    await registry.put('app:1', three);
    const lock = await readLock('lock.json');
    const { difference } = await save({ lock, updateLock: true, output: path('b.tar') });
    assert.deepEqual(difference, {
      moved: [
        {
          name: `${registry.name}/app:1`,
          from: index.manifest.descriptor.digest,
          to: three.manifest.descriptor.digest,
          addedPlatforms: ['linux/s390x'],
          gonePlatforms: [],
        },
      ],
      added: [],
      gone: [],
      attachments: [],
      unchanged: 2,
    });
    assert.equal(await readFile(path('lock.json'), 'utf8'), before);
    await save({ lock, updateLock: true, output: path('b.tar'), writeLock: path('lock.json') });
    const updated = await readLock('lock.json');
    assert(updated.images.some(({ digest }) => digest === three.manifest.descriptor.digest));
  });

  it('lists all tags again with an update, where the list meant all', async () => {
    const { lock } = await lockImages({ images: named('app', 'base'), allTags: true });
    assert.deepEqual(
      lock.patterns.map(({ repository, resolved }) => [repository, resolved]),
      [
        [`${registry.name}/app`, ['1']],
        [`${registry.name}/base`, ['2']],
      ],
    );
    await registry.put('app:new', await makeImage({ seed: 'new' }));
    const { difference } = await lockImages({ lock });
    assert.deepEqual(
      difference?.added.map(({ name }) => name),
      named('app:new'),
    );
    assert.equal(difference?.unchanged, 2);
  });

  it('is the same lock as that of the list alone, and reads no layers for it', async () => {
    const images = named('base:2', 'app:1');
    await save({ images, output: path('a.tar'), writeLock: path('lock.json') });
    registry.sentBlobs();
    const { lock } = await lockImages({ images });
    assert.equal(formatLock(lock).toString(), await readFile(path('lock.json'), 'utf8'));
    const layers = index.all.filter(({ descriptor }) => /layer/.test(descriptor.mediaType));
    const sent = new Set(registry.sentBlobs());
    assert(!layers.some(({ descriptor }) => sent.has(descriptor.digest)));
  });

  it('keeps where the names were found, also when it is updated', async () => {
    const [image = ''] = named('app:1');
    const origin = { file: 'deploy.yaml', line: 7, path: 'spec.image', grade: 'certain' } as const;
    const { lock } = await lockImages({ images: [image], origins: new Map([[image, [origin]]]) });
    assert.deepEqual(lock.images[0]?.origins, [origin]);
    assert.deepEqual((await lockImages({ lock })).lock.images[0]?.origins, [origin]);
  });

  it('saves the digests of an ImagesLock of imgpkg and of dt', async () => {
    const { lock } = await lockImages({ images: named('app:1', 'base:2') });
    const imgpkg = await parseLock(await formatLockAs(lock, 'imgpkg'), 'images.yml');
    await save({ images: named('app:1', 'base:2'), output: path('a.tar') });
    await save({ lock: imgpkg, output: path('b.tar') });
    assert((await readFile(path('a.tar'))).equals(await readFile(path('b.tar'))));
    const child = index.all.find(({ descriptor }) => /manifest/.test(descriptor.mediaType));
    const dt = `{"apiVersion": "v0", "kind": "ImagesLock", "images": [{"name": "app", "image": "${registry.name}/app:1",
      "digests": [{"digest": "${child?.descriptor.digest}", "arch": "linux/amd64"}]}]}`;
    const saved = await save({
      lock: await parseLock(Buffer.from(dt), 'Images.lock'),
      output: path('c.tar'),
    });
    assert.deepEqual(
      saved.images.map(({ name, digest }) => [name, digest]),
      [[`${registry.name}/app:1`, child?.descriptor.digest]],
    );
  });

  const edited = async (change: (text: string) => string): Promise<Lock> => {
    const { lock } = await lockImages({ images: named('app:1') });
    return parseLock(Buffer.from(change(formatLock(lock).toString())), 'images.lock.json');
  };

  it('says which lock names an image that is gone', async () => {
    const gone: Digest = `sha256:${'0'.repeat(64)}`;
    const lock = await edited((text) => text.replaceAll(index.manifest.descriptor.digest, gone));
    await assert.rejects(save({ lock, output: path('a.tar') }), {
      code: 'NOT_FOUND',
      message: new RegExp(`^images\\.lock\\.json: manifest ${gone} of .*app.*not found`),
      remedy: 'updateLock',
    });
  });

  it('says for which platforms an image is locked, rather than that it is gone', async () => {
    const { lock } = await lockImages({ images: named('app:1') });
    await assert.rejects(
      save({ lock, platforms: ['linux/s390x'], output: path('a.tar') }),
      (error: LadingError) => {
        assert.deepEqual([error.code, error.remedy], ['NOT_FOUND', undefined]);
        assert.match(`${error.hint}`, /^It is available for linux\/amd64, linux\/arm64/);
        return true;
      },
    );
  });

  it('refuses an update without a lock', async () => {
    await assert.rejects(save({ images: named('app:1'), updateLock: true, output: path('a.tar') }), {
      code: 'USAGE',
      message: 'there is no lock to update',
    });
  });

  it('refuses a lock whose size or platforms are not those of the image, and saves the others if it may', async () => {
    for (const [change, message] of [
      [
        (text: string) => text.replace(/"size": \d+\n/, '"size": 5\n'),
        /^images\.lock\.json says .* size 5, but it is/,
      ],
      [(text: string) => text.replace(/,\s*"linux\/arm64"/, ''), /platforms/],
      [(text: string) => text.replace('linux/arm64', 'linux/s390x'), /platforms/],
    ] as const) {
      const lock = await edited(change);
      await assert.rejects(save({ lock, output: path('a.tar') }), (error: Error) => {
        assert.match(error.message, message);
        assert.equal('code' in error && error.code, 'INVALID_LOCK');
        return true;
      });
    }
    const { lock } = await lockImages({ images: named('app:1', 'base:2') });
    const text = formatLock(lock).toString().replace('linux/arm64', 'linux/s390x');
    const other = await parseLock(Buffer.from(text), 'x');
    const saved = await save({ lock: other, keepGoing: true, output: path('b.tar') });
    assert.deepEqual([saved.images.length, saved.failures.length], [1, 1]);
  });

  it('locks what was saved when another image fails', async () => {
    await save({
      images: named('app:1', 'missing:1'),
      keepGoing: true,
      output: path('a.tar'),
      writeLock: path('lock.json'),
    });
    const { images } = await readLock('lock.json');
    assert.deepEqual(
      images.map(({ name }) => name),
      named('app:1'),
    );
  });

  it('says before it begins that a lock cannot be written', async () => {
    const from = registry.requests.length;
    await assert.rejects(
      save({ images: named('app:1'), output: path('a.tar'), writeLock: path('no/such/lock.json') }),
      { code: 'NOT_WRITABLE' },
    );
    assert.equal(registry.requests.length, from);
    await writeFile(path('lock.json'), 'something');
    await save({ images: named('app:1'), output: path('a.tar'), writeLock: path('lock.json') });
    assert.equal((await readLock('lock.json')).images.length, 1);
  });
});
