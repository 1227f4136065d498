import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { ANNOTATION } from '../../src/content/annotations.js';
import type { Descriptor } from '../../src/content/descriptor.js';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import {
  type Content,
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';
import { startRegistry } from './registry.js';

describe('a layout of another tool', () => {
  const path = useFolder();
  let registry: UploadRegistry;
  let a: MadeImage;
  let b: MadeImage;
  let index: MadeIndex;
  let signature: { all: Content[]; manifest: Content };
  let warnings: string[];
  before(async () => {
    a = await makeImage({ seed: 'entries-a' });
    b = await makeImage({ seed: 'entries-b', platform: { os: 'linux', architecture: 'arm64' } });
    index = makeIndex([a, b]);
    signature = makeReferrer(index.manifest.descriptor, { artifactType: 'text/x-sig', payload: 'signed' });
  });
  beforeEach(async () => {
    warnings = [];
    registry = await startUploadRegistry({ listsReferrers: true });
  });
  afterEach(() => registry.close());
  const onEvent = (event: CopyEvent): void => {
    if (event.type === 'warning') warnings.push(event.message);
  };
  const digestOf = ({ manifest }: { manifest: Content }) => manifest.descriptor.digest;
  /** A layout with exactly these entries. */
  const layoutOf = async (images: readonly { all: Content[] }[], entries: Descriptor[]): Promise<string> => {
    const layout = await openLayoutForWriting(path('layout'));
    for (const { all } of images) await pushAll(layout, all);
    await layout.close();
    const file = path('layout/index.json');
    await writeFile(
      file,
      JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), manifests: entries }),
    );
    return path('layout');
  };
  const named = ({ manifest }: { manifest: Content }, name: string): Descriptor => ({
    ...manifest.descriptor,
    annotations: { [ANNOTATION.refName]: name },
  });

  describe('that has entries for parts of an image', () => {
    const withParts = () =>
      layoutOf(
        [index, signature],
        [
          a.manifest.descriptor,
          b.manifest.descriptor,
          named(index, 'reg.test/app:1'),
          signature.manifest.descriptor,
        ],
      );

    it('is loaded and copied to a registry with them, and none is taken for an image without a name', async () => {
      const source = await withParts();
      const loaded = await load({ input: source, destination: registry.host, onEvent });
      const copied = await copyImages({ source, destination: `docker://${registry.host}/c/`, onEvent });
      assert.deepEqual([loaded.images.length, copied.images.length, warnings], [1, 1, []]);
      for (const repository of ['app', 'c/app'])
        for (const { digest } of [a, b, index, signature].map(({ manifest }) => manifest.descriptor))
          assert.equal((await registry.repository(repository).resolve(digest)).digest, digest);
    });

    it('is copied and converted to an archive that has them', async () => {
      const { images } = await copyImages({ source: await withParts(), destination: path('copy.tar') });
      assert.deepEqual(
        images.map(({ name, digest }) => [name, digest]),
        [['reg.test/app:1', digestOf(index)]],
      );
      const [image, ...others] = (await inspect(path('copy.tar'))).images;
      assert.deepEqual([image?.platforms.length, image?.referrers.length, others.length], [2, 1, 0]);
      const converted = await convert({ source: path('layout'), output: path('c.tar'), to: 'docker' });
      assert.equal(converted.images.length, 1);
      const destination = `oci-archive:${path('named.tar')}:reg.test/other:2`;
      const renamed = await copyImages({ source: path('layout'), destination });
      assert.deepEqual(
        renamed.images.map(({ name, copied }) => [name, copied]),
        [['reg.test/app:1', 'reg.test/other:2']],
      );
    });

    it('loads one of them as an image where that is asked for', async () => {
      const images = [digestOf(b)];
      await load({ input: await withParts(), destination: registry.host, images, name: 'reg.test/arm:1' });
      assert.equal((await registry.repository('arm').resolve('1')).digest, digestOf(b));
    });

    it('keeps as an image of its own what an archive for one platform has no room for', async () => {
      const destination = `docker-archive:${path('docker.tar')}`;
      const { images } = await copyImages({ source: await withParts(), destination, onEvent });
      assert.deepEqual(images.map(({ digest }) => digest).sort(), [a, b].map(digestOf).sort());
      assert.ok(warnings.some((line) => line.includes('left out: linux/arm64')));
      // The signature speaks of the index, which is not there.
      const { digest } = signature.manifest.descriptor;
      assert.ok(
        warnings.some(
          (line) => line.startsWith(digest) && /is not an image but an artifact.*left out/.test(line),
        ),
      );
    });
  });

  it('that lacks a layer is refused by load and copy alike', async () => {
    const source = await layoutOf(
      [{ all: a.all.filter(({ descriptor }) => descriptor.digest !== a.layers[0]?.descriptor.digest) }],
      [named(a, 'reg.test/app:1')],
    );
    const refused = { code: 'MISSING_CONTENT', message: /reg\.test\/app:1 needs it/, hint: /reg\.test/ };
    await assert.rejects(load({ input: source, destination: registry.host }), refused);
    await assert.rejects(copyImages({ source, destination: path('x.tar') }), refused);
    await assert.rejects(copyImages({ source, destination: `docker://${registry.host}/` }), refused);
  });
});

describe('an image that takes the name of another one in its output', () => {
  const path = useFolder();

  it('is warned of by save, with and without append, copy and convert', async () => {
    const source = await startRegistry();
    try {
      const [a, b] = [await makeImage({ seed: 'first' }), await makeImage({ seed: 'second' })];
      await source.put('app:1', a);
      const name = `${source.name}/app:1`;
      const output = path('images.tar');
      const { digest: first } = a.manifest.descriptor;
      const { digest: second } = b.manifest.descriptor;
      const said: string[] = [];
      const onEvent = (event: CopyEvent): void => {
        if (event.type === 'warning') said.push(event.message);
      };
      const moved = (from: string, to: string) => `${name} in ${output} changes from ${from} to ${to}`;
      await save({ images: [name], output, onEvent });
      assert.deepEqual(said, []);
      await source.put('app:1', b);
      await save({ images: [name], output, append: true, onEvent });
      await source.put('app:1', a);
      await save({ images: [name], output, onEvent });
      await source.put('app:1', b);
      await copyImages({ source: name, destination: output, onEvent });
      await copyImages({ source: name, destination: output, onEvent });
      assert.deepEqual(said, [moved(first, second), moved(second, first), moved(first, second)]);
      const options = { source: name, output, to: 'docker', append: true, onEvent } as const;
      const { images } = await convert(options);
      assert.equal(said.at(-1), moved(second, images[0]?.to.digest ?? ''));
    } finally {
      await source.close();
    }
  });

  it('is warned of where it is the same image with fewer platforms', async () => {
    const source = await startRegistry();
    try {
      const [a, b] = [
        await makeImage({ seed: 'whole' }),
        await makeImage({ seed: 'gone', platform: { os: 'linux', architecture: 'arm64' } }),
      ];
      const index = makeIndex([a, b]);
      await source.put('app:1', index);
      const name = `${source.name}/app:1`;
      const output = path('images.tar');
      await save({ images: [name], output });
      const said: string[] = [];
      await save({
        images: [`${name}@${index.manifest.descriptor.digest}`],
        output,
        append: true,
        platforms: ['linux/amd64'],
        onEvent: (event) => event.type === 'warning' && said.push(event.message),
      });
      const { digest } = b.manifest.descriptor;
      assert.ok(said.includes(`${name} in ${output} loses ${digest}`));
    } finally {
      await source.close();
    }
  });
});
