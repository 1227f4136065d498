import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import type { Digest } from '../../src/content/digest.js';
import type { CopyEvent } from '../../src/events.js';
import { copyImages } from '../../src/operations/copy.js';
import { inspect } from '../../src/operations/inspect/inspect.js';
import { load } from '../../src/operations/load.js';
import { save } from '../../src/operations/save.js';
import { serve } from '../../src/operations/serve/serve.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { copyInto, storeOf } from '../support/archives.js';
import {
  type MadeImage,
  type MadeSignature,
  makeCosignSignature,
  makeImage,
  pushAll,
} from '../support/images.js';
import { ask } from '../support/registry-server.js';
import { useFolder } from '../support/temporary.js';
import { startUploadRegistry, type UploadRegistry } from '../support/upload-registry.js';
import { startRegistry, type TestRegistry } from './registry.js';

describe('an image of two repositories, with a signature by cosign of its own in each', () => {
  const path = useFolder();
  let source: TestRegistry;
  let registry: UploadRegistry;
  let image: MadeImage;
  let signatures: Record<string, MadeSignature>;
  before(async () => {
    source = await startRegistry();
    image = await makeImage({ seed: 'in two repositories' });
    signatures = {};
    for (const repository of ['one', 'two']) {
      const signature = makeCosignSignature(image.manifest.descriptor, repository);
      signatures[repository] = signature;
      await source.put(`${repository}:1`, image);
      await source.put(`${repository}:${signature.tag}`, signature);
    }
  });
  after(() => source.close());
  beforeEach(async () => {
    registry = await startUploadRegistry();
  });
  afterEach(() => registry.close());
  const signatureOf = (repository: string): Digest => {
    const digest = signatures[repository]?.manifest.descriptor.digest;
    assert.ok(digest);
    return digest;
  };
  const tag = (): string => signatures.one?.tag ?? '';
  const names = () => ['one', 'two'].map((repository) => `${source.name}/${repository}:1`);
  const saved = async (): Promise<string> => {
    await save({ images: names(), output: path('images.tar') });
    return path('images.tar');
  };
  const assertOwn = async (prefix: string): Promise<void> => {
    for (const repository of ['one', 'two'])
      assert.equal(
        (await registry.repository(prefix + repository).resolve(tag())).digest,
        signatureOf(repository),
      );
  };

  it('keeps each where it belongs: save, load, copy, serve and inspect', async () => {
    const archive = await saved();
    await load({ input: archive, destination: `${registry.host}/l` });
    await assertOwn('l/');
    await copyImages({ source: archive, destination: `docker://${registry.host}/c/` });
    await assertOwn('c/');
    await copyImages({ source: archive, destination: path('again.tar') });
    await load({ input: path('again.tar'), destination: `${registry.host}/again` });
    await assertOwn('again/');
    const { images } = await inspect(archive);
    assert.deepEqual(
      images.map(({ referrers }) => referrers.map(({ digest }) => digest)),
      [[signatureOf('one')], [signatureOf('two')]],
    );
    const server = await serve(archive, { port: 0 });
    try {
      for (const repository of ['one', 'two']) {
        const { headers } = await ask(server.port, `/v2/${repository}/manifests/${tag()}`);
        assert.equal(headers['docker-content-digest'], signatureOf(repository));
      }
    } finally {
      await server.close();
    }
  });

  it('is not put into one repository, where one signature would take the place of the other', async () => {
    const archive = await saved();
    await writeFile(
      path('map.yaml'),
      'rules:\n  - {regex: ".*/one:1$", to: "all:one"}\n  - {regex: ".*/two:1$", to: "all:two"}\n',
    );
    const options = { input: archive, destination: registry.host, mapFile: path('map.yaml') };
    const [one, two] = names();
    await assert.rejects(load(options), {
      code: 'USAGE',
      message: `different signatures or attachments of ${one} and ${two} would all become ${registry.host}/all:${tag()}`,
      hint: 'Put the images into repositories of their own, or leave out what is attached.',
      remedy: 'referrers',
    });
    assert.deepEqual(registry.requests, []);
    await load({ ...options, referrers: false });
    const all = registry.repository('all');
    for (const name of ['one', 'two'])
      assert.equal((await all.resolve(name)).digest, image.manifest.descriptor.digest);
  });

  it('with --no-clobber does not move the tag of a signature that is there', async () => {
    const archive = await saved();
    await copyImages({ source: `${source.name}/two:1`, destination: `docker://${registry.host}/one:other` });
    const [one] = names();
    const options = { input: archive, images: [one ?? ''], destination: registry.host, noClobber: true };
    await assert.rejects(load(options), {
      code: 'ALREADY_EXISTS',
      message: /is another signature or attachment/,
      hint: 'Let the tag move, or load the images alone.',
      remedy: 'omitNoClobberOfAttachment',
    });
    assert.equal((await registry.repository('one').resolve(tag())).digest, signatureOf('two'));
    await load({ ...options, referrers: false });
    await load({ ...options, noClobber: false });
    assert.equal((await registry.repository('one').resolve(tag())).digest, signatureOf('one'));
  });

  it('keeps the tag of a signature of an image that has no name', async () => {
    const { digest } = image.manifest.descriptor;
    const layout = await openLayoutForWriting(path('layout'));
    const held = await storeOf({ [digest]: image, [tag()]: signatures.one ?? image });
    await copyInto(layout, held, [digest, tag()]);
    for (const [from, to] of [
      ['layout', 'first.tar'],
      ['first.tar', 'second.tar'],
    ] as const) {
      await copyImages({ source: path(from), destination: path(to) });
      const { images } = await inspect(path(to));
      assert.deepEqual(
        images.map(({ name, referrers }) => [name, referrers.map((referrer) => referrer.tag)]),
        [[digest, [tag()]]],
      );
    }
  });

  it('takes the place of another one under its tag, in a registry or a layout, with a warning', async () => {
    const archive = await saved();
    const other = makeCosignSignature(image.manifest.descriptor, 'made there');
    const warnings: string[] = [];
    const onEvent = (event: CopyEvent) => event.type === 'warning' && warnings.push(event.message);
    const own = registry.repository('w/one');
    await pushAll(own, other.all);
    await own.tag(other.manifest.descriptor, tag());
    await load({ input: archive, destination: `${registry.host}/w`, onEvent });
    const moved = new RegExp(
      `w/one:${tag()} changes from ${other.manifest.descriptor.digest} to ${signatureOf('one')}`,
    );
    assert.ok(
      warnings.some((message) => moved.test(message)),
      warnings.join('\n'),
    );
    warnings.length = 0;
    await load({ input: archive, destination: `${registry.host}/w`, onEvent });
    assert.deepEqual(warnings, []);
  });
});
