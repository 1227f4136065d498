import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import type { CopyEvent } from '../../src/events.js';
import { convert } from '../../src/operations/convert/convert.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openPath } from '../../src/store/open.js';
import { readContent } from '../../src/store/read-content.js';
import { type MadeImage, makeImage } from '../support/images.js';
import { makeOddImage, makeOddImages, type OddImage, writeLayout } from '../support/odd-images.js';
import { useFolder } from '../support/temporary.js';
import { serveWritable, type WritableServed } from '../support/writable-server.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('images whose documents are odd', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let destination: WritableServed;
  let odd: OddImage[];
  let sound: MadeImage;
  before(async () => {
    registry = await startRegistry();
    odd = await makeOddImages();
    sound = await makeImage({ seed: 'sound' });
    await registry.put('sound:1', sound);
    for (const [place, image] of odd.entries()) await registry.put(`odd-${place}:1`, image);
  });
  after(() => registry.close());
  beforeEach(async () => {
    destination = await serveWritable();
  });
  afterEach(() => destination.close());

  it('are saved and loaded into a writable server byte for byte, with a warning that names each', async () => {
    const warnings: string[] = [];
    const onEvent = (event: CopyEvent): void => {
      if (event.type === 'warning') warnings.push(event.message);
    };
    const images = odd.map((_, place) => `${registry.name}/odd-${place}:1`);
    const output = path('odd.tar');
    await save({ images: [...images, `${registry.name}/sound:1`], output, onEvent });
    for (const [place, { title, all }] of odd.entries()) {
      const store = await openPath(output);
      try {
        for (const { descriptor, bytes } of all)
          assert.deepEqual(await readContent(store, descriptor), bytes, title);
      } finally {
        await store.close();
      }
      const named = warnings.filter((message) => message.startsWith(`${images[place]}: `));
      if (title.includes('without a slash')) assert.match(named.join(), /expected a media type/);
    }
    const verified = await verify(output);
    assert.ok(verified.findings.every(({ message }) => message.includes('no engine accepts it (needed by')));
    assert.ok(
      verified.notes.some(({ code, message }) => code === 'IRREGULAR' && message.includes('"spdx+json"')),
    );
    const loaded = await load({ input: output, destination: destination.registry });
    assert.deepEqual(
      loaded.images.map(({ digest }) => digest).sort(),
      [...odd.map(({ manifest }) => manifest), sound.manifest]
        .map(({ descriptor }) => descriptor.digest)
        .sort(),
    );
  });

  it('are refused with strict, by save, copy, load and convert, with the image’s name', async () => {
    const image = await makeOddImage('strict', { layer: { mediaType: 'spdx+json' } });
    await registry.put('strict:1', image);
    await mkdir(path('layout'));
    const source = await writeLayout(path('layout'), { 'example.test/strict:1': image });
    const refusal = { code: 'INVALID_MANIFEST', message: /strict:1.*expected a media type/ };
    const strict = true;
    const images = [`${registry.name}/strict:1`];
    await assert.rejects(save({ images, output: path('a.tar'), strict }), refusal);
    await assert.rejects(copyImages({ source, destination: `oci:${path('b')}`, strict }), refusal);
    await assert.rejects(load({ input: source, destination: destination.registry, strict }), refusal);
    await assert.rejects(convert({ source, output: path('c.tar'), to: 'docker', strict }), refusal);
  });

  it('are refused with strict for a config that the plan would not read otherwise', async () => {
    const image = await makeOddImage('config', { config: (it) => ({ ...it, created: '' }), child: {} });
    await registry.put('config:1', image);
    const images = [`${registry.name}/config:1`];
    await save({ images, output: path('a.tar') });
    await assert.rejects(save({ images, output: path('b.tar'), strict: true }), {
      message: /config:1.*at \/created, expected a valid time/,
    });
  });

  for (const [what, change, refusers] of [
    ['a build step in text', { config: { OnBuild: 'RUN x' } }, 'Docker and podman refuse it'],
    ['ArgsEscaped in text', { config: { ArgsEscaped: 'yes' } }, 'no engine accepts it'],
    ['a leap second', { history: [{ created: '2024-12-31T23:59:60Z' }] }, 'no engine accepts it'],
  ] as const) {
    it(`are carried with a config that engines cannot decode, and left out of manifest.json: ${what}`, async () => {
      const image = await makeOddImage(what, { config: (it) => ({ ...it, ...change }) });
      await registry.put('undecodable:1', image);
      const name = `${registry.name}/undecodable:1`;
      const warnings: string[] = [];
      const onEvent = (event: CopyEvent): void => {
        if (event.type === 'warning') warnings.push(event.message);
      };
      await save({ images: [name, `${registry.name}/sound:1`], output: path('a.tar'), onEvent });
      assert.ok(warnings.some((message) => message.startsWith(`${name}: `) && message.endsWith(refusers)));
      const left = warnings.filter((message) => message.startsWith(`docker load does not load ${name}: `));
      assert.match(left.join(), /the config is not valid: at .*; left out of manifest\.json/);
      const { findings, notes } = await verify(path('a.tar'));
      const isNote = refusers.startsWith('Docker');
      assert.equal(findings.length, isNote ? 0 : 1);
      const told = isNote ? notes.filter(({ code }) => code === 'IRREGULAR') : findings;
      assert.equal(told.length, 1);
      assert.ok(told[0]?.message.includes(refusers));
      const { images } = await load({ input: path('a.tar'), destination: destination.registry });
      assert.ok(images.some(({ digest }) => digest === image.manifest.descriptor.digest));
      const strict = save({ images: [name], output: path('b.tar'), strict: true });
      await assert.rejects(strict, { code: 'INVALID_MANIFEST' });
    });
  }

  it('do not end a list with keepGoing where one of them cannot be moved, and the error names it', async () => {
    const bad = await makeOddImage('no size', { layer: { size: undefined } });
    await mkdir(path('layout'));
    const images = { 'example.test/bad:1': bad, 'example.test/sound:1': sound };
    const input = await writeLayout(path('layout'), images);
    const onTo = { input, destination: destination.registry };
    await assert.rejects(load(onTo), { message: /expected a member "size".*example\.test\/bad:1/ });
    const result = await load({ ...onTo, keepGoing: true });
    assert.deepEqual(
      result.images.map(({ name }) => name),
      ['example.test/sound:1'],
    );
    assert.deepEqual(
      result.failures.map(({ name }) => name),
      ['example.test/bad:1'],
    );
  });

  const NO_CONFIGS = {
    'an empty file': '',
    text: 'hello',
    null: 'null',
    'a list': '[]',
  };
  for (const [what, config] of Object.entries(NO_CONFIGS)) {
    it(`are carried, converted and shown with a config that is none: ${what}`, async () => {
      const image = await makeOddImage(`config ${what}`, { config: () => config });
      await registry.put('no-config:1', image);
      const name = `${registry.name}/no-config:1`;
      const warnings: string[] = [];
      const onEvent = (event: CopyEvent): void => {
        if (event.type === 'warning') warnings.push(event.message);
      };
      await save({ images: [name], output: path('a.tar'), onEvent });
      const { digest: configDigest } = image.all[1]?.descriptor ?? {};
      assert.equal(warnings.length, 2);
      assert.match(
        warnings[0] ?? '',
        new RegExp(`^${name}: ${configDigest}: the config is .*no engine accepts it$`),
      );
      assert.equal(
        warnings[1],
        `docker load does not load ${name}: the config is no JSON object; left out of manifest.json, which it reads`,
      );
      const { images } = await load({ input: path('a.tar'), destination: destination.registry });
      assert.equal(images[0]?.digest, image.manifest.descriptor.digest);
      await convert({ source: path('a.tar'), output: path('b.tar'), to: 'docker' });
      const [shown] = (await inspect(path('a.tar'))).images;
      assert.equal(shown?.problem, undefined);
      const { findings } = await verify(path('a.tar'));
      assert.deepEqual(
        findings.map(({ code, digest }) => [code, digest]),
        [['INVALID_MANIFEST', configDigest]],
      );
      await assert.rejects(save({ images: [name], output: path('c.tar'), strict: true }), {
        code: 'INVALID_MANIFEST',
      });
    });
  }

  it('are refused with a config that readers can understand in two ways', async () => {
    const image = await makeOddImage('two meanings', { config: () => '{"os":"linux","os":"windows"}' });
    await registry.put('two:1', image);
    await assert.rejects(save({ images: [`${registry.name}/two:1`], output: path('a.tar') }), {
      code: 'INVALID_MANIFEST',
      message: /second time.*two:1/,
    });
  });

  it('keep their bytes in convert where they are not understood', async () => {
    const image = await makeOddImage('unknown layer', {
      manifest: (it) => ({
        ...it,
        layers: [
          ...(it.layers as object[]),
          { ...sound.layers[0]?.descriptor, mediaType: 'text/plain; charset=utf-8' },
        ],
      }),
    });
    await mkdir(path('layout'));
    const all = [...image.all, ...sound.layers];
    const source = await writeLayout(path('layout'), { 'example.test/odd:1': { ...image, all } });
    const { images } = await convert({ source, output: path('out.tar'), to: 'docker' });
    assert.equal(images[0]?.to.digest, image.manifest.descriptor.digest);
    assert.match(images[0]?.lost.join() ?? '', /stays as it is.*text\/plain; charset=utf-8/);
  });
});
