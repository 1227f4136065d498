import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { absentOf } from '../../src/content/annotations.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { isLadingError, LadingError } from '../../src/errors.js';
import type { CopyEvent } from '../../src/events.js';
import { type SaveResult, save } from '../../src/operations/save.js';
import type { SaveOptions } from '../../src/operations/save-options.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openPath } from '../../src/store/open.js';
import { has, type Source } from '../../src/store/store.js';
import { documentIn, filesIn } from '../support/archives.js';
import { fixturePath } from '../support/fixtures.js';
import {
  contentOf,
  type MadeImage,
  type MadeIndex,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { overriding, readAll } from '../support/openers.js';
import { signedSchema1 } from '../support/signed-schema1.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry, type TestRegistry } from './registry.js';

/** What every schema1 image of Docker names where nothing changed: a tar of two empty blocks, as Go compresses it. */
const EMPTY_LAYER = contentOf(
  MEDIA_TYPE.dockerLayerGzip,
  Buffer.from('H4sIAAAJbogA/2IYBaNgFIxYAAgAAP//Lq+17wAEAAA=', 'base64'),
);

describe('save', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let amd64: MadeImage;
  let arm64: MadeImage;
  let docker: MadeImage;
  let index: MadeIndex;
  before(async () => {
    registry = await startRegistry();
    amd64 = await makeImage({ seed: 'amd64', layers: [50_000, 700] });
    arm64 = await makeImage({
      seed: 'arm64',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    docker = await makeImage({ seed: 'docker', format: 'docker', layers: [1_200_000] });
    index = makeIndex([amd64, arm64]);
    await registry.put('multi:1', index);
    await registry.put('some/docker:1', docker);
    await registry.put('some/docker:2', amd64);
    await registry.put('some/docker:latest', amd64);
  });
  after(() => registry.close());

  const run = (options: Omit<SaveOptions, 'images'> & { images?: string[] }): Promise<SaveResult> =>
    save({ ...options, ...imagesOf(options.images) });
  const imagesOf = (images = ['multi:1', 'some/docker:1']): { images: string[] } => ({
    images: images.map((image) => `${registry.name}/${image}`),
  });
  const namesIn = async (output: string): Promise<string[]> => {
    const store = await openPath(output);
    const names: string[] = [];
    for await (const { name } of store.names()) names.push(name.replace(`${registry.name}/`, ''));
    await store.close();
    return names.sort();
  };
  const holds = async (output: string, made: MadeImage | MadeIndex): Promise<boolean> => {
    const store = await openPath(output);
    try {
      for (const { descriptor, bytes } of made.all) {
        if (!(await has(store, descriptor))) return false;
        assert.ok((await readAll(store, descriptor)).equals(bytes));
      }
      return true;
    } finally {
      await store.close();
    }
  };

  for (const format of ['universal', 'oci-archive', 'oci'] as const) {
    it(`keeps every byte and digest of the registry (${format})`, async () => {
      const output = path(format);
      const result = await run({ output, format });
      assert.deepEqual(result, {
        output,
        format,
        images: [
          {
            name: `${registry.name}/multi:1`,
            digest: index.manifest.descriptor.digest,
            mediaType: index.manifest.descriptor.mediaType,
            platforms: [amd64.platform, arm64.platform],
            size: sizeOf(index),
            referrers: 0,
          },
          {
            name: `${registry.name}/some/docker:1`,
            digest: docker.manifest.descriptor.digest,
            mediaType: docker.manifest.descriptor.mediaType,
            platforms: [docker.platform],
            size: sizeOf(docker),
            referrers: 0,
          },
        ],
        blobs: { total: 8, fetched: 8, reused: 0 },
        bytes: { total: sizeOf(index) + sizeOf(docker), fetched: sizeOf(index) + sizeOf(docker) },
        failures: [],
      });
      for (const made of [index, docker]) assert.ok(await holds(output, made));
      assert.deepEqual(await namesIn(output), ['multi:1', 'some/docker:1']);
      assert.equal((await verify(output)).ok, true);
    });
  }

  it('writes a docker-archive of one platform', async () => {
    const result = await run({ output: path('out.tar'), format: 'docker-archive' });
    assert.deepEqual(
      result.images.map(({ digest, originalDigest }) => [digest, originalDigest]),
      [
        [amd64.manifest.descriptor.digest, index.manifest.descriptor.digest],
        [docker.manifest.descriptor.digest, undefined],
      ],
    );
    const items = (await documentIn(path('out.tar'), 'manifest.json')) as { RepoTags: string[] }[];
    assert.deepEqual(
      items.map(({ RepoTags }) => RepoTags),
      [[`${registry.name}/multi:1`], [`${registry.name}/some/docker:1`]],
    );
    await assert.rejects(run({ output: path('out.tar'), format: 'docker-archive' }), {
      code: 'ALREADY_EXISTS',
    });
    await assert.rejects(
      run({ output: path('two.tar'), format: 'docker-archive', platforms: ['linux/amd64', 'linux/arm64'] }),
      { code: 'USAGE' },
    );
  });

  it('takes a directory for a layout and anything else for an archive', async () => {
    assert.equal((await run({ output: `${path('new')}/` })).format, 'oci');
    assert.ok((await stat(path('new/oci-layout'))).isFile());
    await mkdir(path('empty'));
    assert.equal((await run({ output: path('empty') })).format, 'oci');
    assert.equal((await run({ output: path('file') })).format, 'universal');
  });

  it('writes the same archive to a stream as to a file', async () => {
    await run({ output: path('out.tar') });
    for (const concurrency of [1, 8]) {
      const stream = new PassThrough();
      const received = buffer(stream);
      const result = await run({ output: stream, concurrency });
      stream.end();
      assert.equal(result.output, '-');
      assert.ok((await received).equals(await readFile(path('out.tar'))));
    }
    for (const options of [{ append: true }, { format: 'oci' as const }])
      await assert.rejects(run({ output: new PassThrough(), ...options }), { code: 'USAGE' });
  });

  it('takes latest where neither tag nor digest is said, and a digest before a tag', async () => {
    const { digest } = docker.manifest.descriptor;
    const result = await run({
      output: path('out.tar'),
      images: ['some/docker', `some/docker:2@${digest}`, `some/docker@${digest}`],
    });
    assert.deepEqual(
      result.images.map(({ name, digest: found }) => [name.replace(`${registry.name}/`, ''), found]),
      [
        ['some/docker:latest', amd64.manifest.descriptor.digest],
        ['some/docker:2', digest],
        [`some/docker@${digest}`, digest],
      ],
    );
  });

  it('saves every tag of a repository, and a name that is given twice once', async () => {
    const result = await run({
      output: path('out.tar'),
      images: ['some/docker', 'some/docker:1'],
      allTags: true,
    });
    assert.deepEqual(await namesIn(path('out.tar')), [
      'some/docker:1',
      'some/docker:2',
      'some/docker:latest',
    ]);
    assert.equal(result.images.length, 3);
    assert.equal(result.blobs.total, 5);
  });

  it('saves the tags that a pattern takes, and says which they are', async () => {
    const text = `${registry.name}/some/docker:{>=1, newest 1}`;
    const both = { output: path('out.tar'), images: ['some/docker:{>=1, newest 1}', 'some/docker:1'] };
    const { images, patterns } = await run(both);
    assert.deepEqual(await namesIn(path('out.tar')), ['some/docker:1', 'some/docker:2']);
    assert.equal(images.length, 2);
    const resolved = [`${registry.name}/some/docker:2`];
    assert.deepEqual(patterns, [{ text, repository: `${registry.name}/some/docker`, resolved }]);
  });

  it('saves nothing and writes nothing if a pattern takes nothing, or with keepGoing the others', async () => {
    const images = ['some/docker:{>=3}', 'multi:1'];
    await assert.rejects(run({ output: path('out.tar'), images }), {
      code: 'NOT_FOUND',
      message: `${registry.name}/some/docker:{>=3} takes none of the 3 tags of ${registry.name}/some/docker`,
      hint: 'The nearest: 1, 2.',
    });
    assert(!existsSync(path('out.tar')));
    const { failures } = await run({ output: path('out.tar'), images, keepGoing: true });
    assert.deepEqual(await namesIn(path('out.tar')), ['multi:1']);
    assert.deepEqual(
      failures.map(({ name }) => name),
      [`${registry.name}/some/docker:{>=3}`],
    );
  });

  it('makes a smaller index of chosen platforms, or keeps the index and says what is absent', async () => {
    const images = ['multi:1'];
    const rewritten = await run({ output: path('rewritten.tar'), images, platforms: ['linux/arm64'] });
    const [small] = rewritten.images;
    assert.equal(small?.originalDigest, index.manifest.descriptor.digest);
    assert.equal(small?.digest, makeIndex([arm64]).manifest.descriptor.digest);
    assert.equal(small?.absent, undefined);

    const sparse = await run({
      output: path('sparse.tar'),
      images,
      platforms: ['linux/arm64'],
      index: 'sparse',
    });
    const [kept] = sparse.images;
    assert.equal(kept?.digest, index.manifest.descriptor.digest);
    assert.deepEqual(kept?.absent, [amd64.manifest.descriptor.digest]);
    const store = await openPath(path('sparse.tar'));
    assert.deepEqual(absentOf(await store.resolve(`${registry.name}/multi:1`)), [
      amd64.manifest.descriptor.digest,
    ]);
    await store.close();

    for (const output of [path('rewritten.tar'), path('sparse.tar')]) {
      assert.deepEqual([await holds(output, arm64), await holds(output, amd64)], [true, false]);
      assert.equal((await verify(output)).ok, true);
    }
    await assert.rejects(run({ output: path('none.tar'), platforms: ['linux/s390x'] }), {
      code: 'NOT_FOUND',
    });
    await assert.rejects(run({ output: path('none.tar'), platforms: ['linux'] }), { code: 'USAGE' });
    assert.equal(existsSync(path('none.tar')), false);
  });

  it('names in manifest.json the platform that is asked for', async () => {
    await run({ output: path('out.tar'), images: ['multi:1'], dockerPlatform: 'linux/arm64' });
    const [item] = (await documentIn(path('out.tar'), 'manifest.json')) as { Config: string }[];
    assert.ok(item?.Config.endsWith(arm64.config.descriptor.digest.slice(7)));
  });

  it('brings signatures and SBOMs along, unless it is told not to', async () => {
    const note = makeReferrer(docker.manifest.descriptor, { artifactType: 'text/x-sbom', payload: 'sbom' });
    const signature = makeCosignSignature(docker.manifest.descriptor);
    await registry.put('signed:1', docker);
    await pushAll(registry.storeOf('signed'), note.all);
    await registry.put(`signed:${signature.tag}`, signature);

    const images = ['signed:1'];
    const result = await run({ output: path('with.tar'), images });
    assert.equal(result.images[0]?.referrers, 2);
    assert.ok((await holds(path('with.tar'), note)) && (await holds(path('with.tar'), signature)));
    assert.deepEqual(await namesIn(path('with.tar')), ['signed:1', `signed:${signature.tag}`].sort());

    await run({ output: path('without.tar'), images, referrers: false });
    assert.deepEqual(
      [await holds(path('without.tar'), note), await holds(path('without.tar'), docker)],
      [false, true],
    );
    const all = await run({ output: path('all.tar'), images: ['signed'], allTags: true });
    assert.deepEqual(
      all.images.map(({ name }) => name),
      [`${registry.name}/signed:1`],
    );
  });

  it('saves a schema1 image byte for byte', async () => {
    const schema1 = signedSchema1();
    const store = registry.storeOf('legacy');
    const fixture = await openPath(fixturePath('archives/ctr-export-multi.tar'));
    for await (const { digest, region } of fixture.blobs()) {
      const descriptor = { mediaType: 'application/octet-stream', digest, size: region.size };
      await store.push(descriptor, (options) => fixture.fetch(descriptor, options));
    }
    await fixture.close();
    await pushAll(store, [EMPTY_LAYER]);
    await registry.put('legacy:1', { manifest: schema1, all: [schema1] });
    const result = await run({ output: path('out.tar'), images: ['legacy:1'] });
    assert.equal(result.images[0]?.digest, schema1.descriptor.digest);
    const saved = await openPath(path('out.tar'));
    assert.ok((await readAll(saved, schema1.descriptor)).equals(schema1.bytes));
    await saved.close();
    assert.deepEqual((await verify(path('out.tar'))).findings, []);
    assert.ok(!(await filesIn(path('out.tar'))).includes('manifest.json'), 'Docker has no use for it');
  });

  it('tells of its progress: what was found, what is to come, what is named', async () => {
    const events: CopyEvent[] = [];
    await run({ output: path('out.tar'), images: ['some/docker:1'], onEvent: (event) => events.push(event) });
    const types = events.map(({ type }) => type);
    assert.deepEqual(types.slice(0, 4), ['reading', 'resolved', 'read', 'planned']);
    assert.ok(types.includes('copied'));
    assert.equal(types.at(-1), 'tagged');
    assert.deepEqual(events[3], { type: 'planned', images: 1, blobs: 2, bytes: sizeOf(docker) });
  });

  it('fails without an output when an image is missing, and saves the others when it is told to', async () => {
    const images = ['some/docker:1', 'some/docker:missing', 'missing:1'];
    await assert.rejects(run({ output: path('out.tar'), images }), { code: 'NOT_FOUND' });
    assert.equal(existsSync(path('out.tar')), false);

    const result = await run({ output: path('out.tar'), images, keepGoing: true });
    assert.deepEqual(
      result.images.map(({ name }) => name),
      [`${registry.name}/some/docker:1`],
    );
    assert.deepEqual(
      result.failures
        .map(({ name, error }) => [name.replace(`${registry.name}/`, ''), isLadingError(error, 'NOT_FOUND')])
        .sort(),
      [
        ['missing:1', true],
        ['some/docker:missing', true],
      ],
    );
    assert.equal((await verify(path('out.tar'))).ok, true);
  });

  it('leaves out an image that breaks halfway, but not of a stream', async () => {
    await registry.put('broken:1', amd64);
    const [layer] = amd64.layers;
    const damaged = overriding(registry.storeOf('broken'), {
      async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
        if (descriptor.digest === layer?.descriptor.digest) throw new LadingError('NOT_FOUND', 'gone');
        return registry.storeOf('broken').fetch(descriptor, options);
      },
    });
    registry.replace('broken', damaged);
    const images = ['broken:1', 'some/docker:1'];
    const result = await run({ output: path('out.tar'), images, keepGoing: true });
    assert.deepEqual(
      result.failures.map(({ name }) => name),
      [`${registry.name}/broken:1`],
    );
    await run({ output: path('good.tar'), images: ['some/docker:1'] });
    assert.ok((await readFile(path('out.tar'))).equals(await readFile(path('good.tar'))));

    await assert.rejects(run({ output: new PassThrough().resume(), images, keepGoing: true }), {
      code: 'NOT_FOUND',
    });
    await assert.rejects(run({ output: path('none.tar'), images: ['broken:1'], keepGoing: true }), {
      code: 'NOT_FOUND',
    });
    assert.equal(existsSync(path('none.tar')), false);
  });

  it('refuses what it cannot understand before it asks anybody', async () => {
    const count = registry.requests.length;
    await assert.rejects(save({ images: [], output: path('out.tar') }), { code: 'USAGE' });
    await assert.rejects(save({ images: ['UPPER'], output: path('out.tar') }), { code: 'INVALID_REFERENCE' });
    await assert.rejects(run({ output: path('missing/out.tar') }), { code: 'NOT_WRITABLE' });
    assert.equal(registry.requests.length, count);
  });
});

function sizeOf({ all }: MadeImage | MadeIndex): number {
  return all.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
