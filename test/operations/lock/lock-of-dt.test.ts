import assert from 'node:assert/strict';
import { formatPlatform, type Platform } from '../../../src/content/platform.js';
import type { LadingError } from '../../../src/errors.js';
import type { Lock } from '../../../src/lock/lock.js';
import { parseLock } from '../../../src/lock/parse-lock.js';
import { save } from '../../../src/operations/save.js';
import type { SaveOptions } from '../../../src/operations/save-options.js';
import { makeImage, makeIndex } from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';
import { startRegistry, type TestRegistry } from '../registry.js';

const codeOf = (error: unknown): unknown => error instanceof Error && 'code' in error && error.code;

describe('a save by a lock of dt, which has a digest for each platform,', () => {
  const PLATFORMS: readonly Platform[] = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'arm', variant: 'v6' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
  ];
  const path = useFolder();
  let registry: TestRegistry;
  let lock: Lock;
  let outputs = 0;
  beforeEach(async () => {
    registry = await startRegistry();
    const images = await Promise.all(
      PLATFORMS.map((platform, at) => makeImage({ seed: `dt ${at}`, platform })),
    );
    await registry.put('four:1', await makeIndex(images));
    const digests = images.map(({ manifest }, at) => {
      const { os, architecture } = PLATFORMS[at] ?? {};
      return { digest: manifest.descriptor.digest, arch: `${os}/${architecture}` };
    });
    const document = {
      apiVersion: 'v0',
      kind: 'ImagesLock',
      images: [
        { name: 'four', image: `${registry.name}/four:1`, digests },
        { name: 'one', image: `${registry.name}/one:1`, digests: digests.slice(0, 1) },
      ],
    };
    await registry.put('one:1', await makeIndex(images.slice(0, 1)));
    lock = await parseLock(Buffer.from(JSON.stringify(document)), 'Images.lock');
  });
  afterEach(() => registry.close());

  /** The platforms that are saved, what is warned of, and what failed. */
  async function savedFor(platforms: string[], more: Partial<SaveOptions> = {}): Promise<string[][]> {
    const warnings: string[] = [];
    const { images, failures } = await save({
      ...more,
      lock,
      platforms,
      output: path(`${outputs++}.tar`),
      onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
    });
    const short = (text: string): string => text.replaceAll(`${registry.name}/`, '');
    return [
      images.map((image) => image.platforms.map(formatPlatform).join()),
      warnings.filter((text) => / not available /.test(text)).map(short),
      failures.map(({ name, error }) => `${short(name)} ${codeOf(error)}`),
    ];
  }

  it('takes those platforms that are wanted, and warns of none that another digest has', async () => {
    const all = ['linux/amd64', 'linux/arm64'];
    assert.deepEqual(await savedFor(all), [
      ['linux/amd64', 'linux/arm64/v8', 'linux/amd64'],
      ['one:1 is not available for linux/arm64'],
      [],
    ]);
    assert.deepEqual((await savedFor(['linux/amd64']))[1], []);
  });

  it('takes all variants where it does not say which is which', async () => {
    assert.deepEqual(await savedFor(['linux/amd64', 'linux/arm/v7']), [
      ['linux/amd64', 'linux/arm/v6', 'linux/arm/v7', 'linux/amd64'],
      ['one:1 is not available for linux/arm/v7'],
      [],
    ]);
  });

  it('says of an image that it has none of the platforms, rather than to leave it out', async () => {
    await assert.rejects(savedFor(['linux/s390x']), (error: LadingError) => {
      assert.equal(error.code, 'NOT_FOUND');
      assert.match(error.message, /^Images\.lock: .*\/four:1 is not available for linux\/s390x$/);
      assert.match(`${error.hint}`, /^It is available for linux\/amd64, linux\/arm/);
      return true;
    });
    await assert.rejects(savedFor(['linux/arm64']), { code: 'NOT_FOUND', message: /one:1/ });
    assert.deepEqual(await savedFor(['linux/arm64'], { keepGoing: true }), [
      ['linux/arm64/v8'],
      [],
      ['one:1 NOT_FOUND'],
    ]);
    assert.deepEqual(await savedFor(['linux/arm64'], { exclude: ['one:1'] }), [['linux/arm64/v8'], [], []]);
  });
});
