import assert from 'node:assert/strict';
import { formatPlatform } from '../../src/content/platform.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { type LoadOptions, load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { type ServeOptions, serve } from '../../src/operations/serve/serve.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { warningsInto } from '../support/events.js';
import {
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

const PLATFORMS = ['amd64', 'arm64', 's390x'].map((architecture) => ({ os: 'linux', architecture }));
const NAME = 'ghcr.io/product/app:1';

describe('some platforms of an archive', () => {
  const path = useFolder();
  let images: MadeImage[];
  let index: MadeIndex;
  let registry: TestRegistry;
  before(async () => {
    images = await Promise.all(
      PLATFORMS.map((platform) => makeImage({ seed: platform.architecture, platform, layers: [700] })),
    );
    index = makeIndex(images);
    registry = await startRegistry();
    await registry.put('product/app:1', index);
  });
  after(() => registry.close());
  beforeEach(() => writeLayout('all', (layout) => layout.tag(index.manifest.descriptor, NAME)));

  async function writeLayout(
    folder: string,
    name: (layout: Awaited<ReturnType<typeof openLayoutForWriting>>) => Promise<unknown>,
    more: MadeImage[] = [],
  ): Promise<void> {
    const layout = await openLayoutForWriting(path(folder));
    await pushAll(layout, [...index.all, ...more.flatMap(({ all }) => all)]);
    await name(layout);
    await layout.commit();
    await layout.close();
  }

  const digestAt = (place: number): string => images[place]?.manifest.descriptor.digest ?? '';

  async function platformsIn(source: string): Promise<string[]> {
    const [image] = (await inspect(source)).images;
    return image?.platforms.map(formatPlatform) ?? [];
  }

  async function loaded(options: Partial<LoadOptions>, push: ServeOptions['push'] = { allowSparse: true }) {
    const far = await serve(path('far'), { port: 0, writable: true, push });
    const warnings: string[] = [];
    try {
      const destination = `127.0.0.1:${far.port}`;
      const result = await load({
        input: path('all'),
        destination,
        onEvent: warningsInto(warnings),
        ...options,
      });
      return { result, warnings };
    } finally {
      await far.close();
    }
  }

  it('are pushed with a smaller index, or with the index as it is', async () => {
    const rewritten = await loaded({ platforms: ['linux/arm64', 'linux/s390x'] });
    const [image] = rewritten.result.images;
    assert.notEqual(image?.digest, index.manifest.descriptor.digest);
    assert.deepEqual(await platformsIn(path('far')), ['linux/arm64', 'linux/s390x']);
    assert.deepEqual((await verify(path('far'))).findings, []);
    assert.deepEqual(rewritten.warnings, []);

    const sparse = await loaded({ platforms: ['linux/arm64'], index: 'sparse' });
    assert.equal(sparse.result.images[0]?.digest, index.manifest.descriptor.digest);
    assert.deepEqual(sparse.warnings, []);
  });

  it('have the digests that a save of them has', async () => {
    const { images: saved } = await save({
      images: [`${registry.name}/product/app:1`],
      platforms: ['linux/arm64'],
      output: path('saved.tar'),
    });
    const { result } = await loaded({ platforms: ['linux/arm64'] });
    await copyImages({ source: path('all'), destination: path('copied.tar'), platforms: ['linux/arm64'] });
    const [copied] = (await inspect(path('copied.tar'))).images;
    assert.deepEqual([result.images[0]?.digest, copied?.digest], [saved[0]?.digest, saved[0]?.digest]);
  });

  it('are those that a registry sends, and layers of others are not asked for', async () => {
    registry.sentBlobs();
    await copyImages({
      source: `docker://${registry.name}/product/app:1`,
      destination: path('one/'),
      platforms: ['linux/amd64'],
    });
    const needed = images[0]?.all.map(({ descriptor }) => descriptor.digest as string) ?? [];
    assert.deepEqual(
      registry.sentBlobs().filter((digest) => !needed.includes(digest)),
      [],
    );
    assert.deepEqual(await platformsIn(path('one/')), ['linux/amd64']);
  });

  it('leave out a signature of the whole index, with a warning, and keep those of the images', async () => {
    const ofIndex = makeReferrer(index.manifest.descriptor, { artifactType: 'application/a', payload: 'i' });
    const [arm64] = images.slice(1);
    assert(arm64 !== undefined);
    const ofImage = makeReferrer(arm64.manifest.descriptor, { artifactType: 'application/a', payload: 'p' });
    await writeLayout(
      'all',
      async (layout) => {
        await layout.tag(index.manifest.descriptor, NAME);
        await layout.tag(ofIndex.manifest.descriptor, ofIndex.manifest.descriptor.digest);
        await layout.tag(ofImage.manifest.descriptor, ofImage.manifest.descriptor.digest);
      },
      [ofIndex, ofImage],
    );
    const warnings: string[] = [];
    const copy = { source: path('all'), onEvent: warningsInto(warnings), platforms: ['linux/arm64'] };
    await copyImages({ ...copy, destination: path('copy/') });
    assert.deepEqual(warnings, [
      `a signature or another attachment of ${index.manifest.descriptor.digest} is left out, because it refers to the whole index`,
    ]);
    const { documents, findings } = await verify(path('copy/'));
    const digests = documents.map(({ digest }) => digest as string);
    assert.deepEqual(findings, []);
    assert(digests.includes(ofImage.manifest.descriptor.digest));
    assert(!digests.includes(ofIndex.manifest.descriptor.digest));
  });

  it('come out of an archive that has only some, and a smaller index brings them to any registry', async () => {
    const sparse = { platforms: ['linux/amd64', 'linux/arm64'], index: 'sparse' as const };
    await copyImages({ source: path('all'), destination: path('sparse.tar'), ...sparse });
    assert.equal((await verify(path('sparse.tar'))).ok, true);

    const requiring = { allowSparse: false };
    const as = await loaded({ input: path('sparse.tar') });
    assert.match(
      as.warnings.join(),
      new RegExp(`was saved without some of its children, on purpose: ${digestAt(2)}$`),
    );
    const fewer = await loaded({ input: path('sparse.tar'), platforms: ['linux/arm64'], index: 'sparse' });
    assert.match(fewer.warnings.join(), new RegExp(`was saved without .*, on purpose: ${digestAt(2)}$`));
    await assert.rejects(loaded({ input: path('sparse.tar'), name: 'example.com/new/app:1' }, requiring), {
      remedy: 'index',
      remedyFor: 'linux/amd64,linux/arm64',
      message: /comes without some of its children, but this registry requires all of them/,
    });
    const smaller = await loaded({ input: path('sparse.tar'), platforms: sparse.platforms }, requiring);
    assert.deepEqual(smaller.warnings, []);
    await assert.rejects(loaded({ input: path('sparse.tar'), platforms: ['linux/s390x'] }), {
      code: 'NOT_FOUND',
      message: `${NAME} is not available for linux/s390x`,
      hint: 'It is available for linux/amd64, linux/arm64.',
    });
  });

  it('must be there, as in a save', async () => {
    const platforms = ['linux/mips64le'];
    const name = `${registry.name}/product/app:1`;
    const error = (of: string) => ({
      code: 'NOT_FOUND',
      message: `${of} is not available for linux/mips64le`,
      hint: 'It is available for linux/amd64, linux/arm64, linux/s390x.',
    });
    await assert.rejects(save({ images: [name], platforms, output: path('no.tar') }), error(name));
    await assert.rejects(loaded({ platforms }), error(NAME));
    const copy = { source: path('all'), destination: path('no.tar'), platforms };
    await assert.rejects(copyImages(copy), error(NAME));
    const { warnings } = await loaded({ platforms: ['linux/amd64', 'linux/mips64le'] });
    assert.deepEqual(warnings, [`${NAME} is not available for linux/mips64le`]);
  });

  it('keep the index of an image that is named by its digest, with a warning', async () => {
    const { digest } = index.manifest.descriptor;
    const left = [digestAt(0), digestAt(2)].join(', ');
    const message = (name: string) =>
      `${name} is named by its digest, so its index is not changed; left out on purpose: ${left}`;
    const warnings: string[] = [];
    const name = `${registry.name}/product/app@${digest}`;
    const copy = { source: `docker://${name}`, platforms: ['linux/arm64'], onEvent: warningsInto(warnings) };
    await copyImages({ ...copy, destination: path('pinned/') });
    assert.deepEqual(warnings, [message(name)]);
    assert.equal((await inspect(path('pinned/'))).images[0]?.digest, digest);
    const pinned = { images: [digest], name: 'app:1', platforms: ['linux/arm64'] };
    const { result, warnings: said } = await loaded(pinned);
    assert.equal(result.images[0]?.digest, digest);
    assert.deepEqual(said, [message(digest)]);
  });

  it('do not make images of the parts that an index entry without a name has', async () => {
    // Layouts of oras have an entry for each child.
    await writeLayout('all', async (layout) => {
      await layout.tag(index.manifest.descriptor, NAME);
      for (const { manifest } of images) await layout.tag(manifest.descriptor, manifest.descriptor.digest);
    });
    const platforms = ['linux/arm64'];
    const { images: copied } = await copyImages({ source: path('all'), destination: path('c/'), platforms });
    assert.deepEqual(
      copied.map(({ name }) => name),
      [NAME],
    );
    const { result, warnings } = await loaded({ platforms });
    assert.deepEqual([result.images.length, warnings], [1, []]);
    const converted = await convert({ source: path('all'), to: 'docker', platforms, output: path('d.tar') });
    assert.equal(converted.images.length, 1);
  });

  it('are one in an archive of Docker', async () => {
    const copy = { source: path('all'), destination: `docker-archive:${path('docker.tar')}` };
    await assert.rejects(copyImages({ ...copy, platforms: ['linux/amd64', 'linux/arm64'] }), {
      code: 'USAGE',
      remedy: 'onePlatform',
    });
    await copyImages({ ...copy, platforms: ['linux/s390x'] });
    assert.deepEqual(await platformsIn(path('docker.tar')), ['linux/s390x']);
  });
});
