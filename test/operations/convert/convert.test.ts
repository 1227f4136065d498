import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ANNOTATION } from '../../../src/content/annotations.js';
import { isIndex, isSchema1, MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createSigningKey } from '../../../src/manifest/convert/sign-schema1.js';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../../src/store/archive/archive-writer.js';
import { copyInto, documentIn, storeOf } from '../../support/archives.js';
import { makeImage, makeIndex } from '../../support/images.js';
import { startRegistry, type TestRegistry } from '../registry.js';
import { keyOf, NAME, only, useConversions } from './conversions.js';

describe('convert', () => {
  const { path, originals, writeLayout, run } = useConversions();
  let registry: TestRegistry;
  before(async () => {
    registry = await startRegistry();
  });
  after(() => registry.close());

  it('gives the original digests back after there and back', async () => {
    const index = makeIndex([originals.amd64, originals.arm64]);
    const source = await writeLayout('in', { [NAME]: index });
    const there = only(await run(source, 'docker'));
    assert.equal(there.to.mediaType, MEDIA_TYPE.dockerManifestList);
    assert.equal(Object.keys(there.digests).length, 3);
    const back = only(await run(path('out-docker'), 'oci'));
    assert.equal(back.to.digest, index.manifest.descriptor.digest);
    assert.deepEqual(back.digests, Object.fromEntries(Object.entries(there.digests).map(([a, b]) => [b, a])));
  });

  it('is the same bytes at two runs, schema1 the same digests', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([originals.amd64, originals.arm64]) });
    for (const to of ['oci', 'docker'] as const) {
      for (const output of ['one', 'two']) await run(source, to, { output: path(`${to}-${output}.tar`) });
      assert.ok((await readFile(path(`${to}-one.tar`))).equals(await readFile(path(`${to}-two.tar`))));
    }
    await writeFile(path('key.pem'), createSigningKey().export({ type: 'pkcs8', format: 'pem' }));
    // ECDSA is random, and the time stands in the signature; neither is part of the digest.
    const options = { signing: { keyFile: path('key.pem') } };
    const [one, two] = [
      await run(source, 'schema1', { ...options, output: path('one.tar') }),
      await run(source, 'schema1', { ...options, output: path('two.tar') }),
    ];
    assert.equal(only(one).to.digest, only(two).to.digest);
    const keys = await Promise.all(['one.tar', 'two.tar'].map(async (name) => keyOf(path(name))));
    assert.equal(keys[0], keys[1]);
  });

  it('keeps the original beside what is made of it, and says which it was', async () => {
    const source = await writeLayout('in', { [NAME]: originals.amd64 });
    const { from, to } = only(await run(source, 'docker', { output: path('out.tar'), keepOriginal: true }));
    const { manifests } = (await documentIn(path('out.tar'), 'index.json')) as {
      manifests: { digest: string; annotations?: Record<string, string> }[];
    };
    assert.deepEqual(manifests.map(({ digest }) => digest).sort(), [from.digest, to.digest].sort());
    const made = manifests.find(({ digest }) => digest === to.digest);
    assert.equal(made?.annotations?.[ANNOTATION.convertedFrom], from.digest);
    assert.equal(made?.annotations?.[ANNOTATION.refName], NAME);
    assert.deepEqual((await verify(path('out.tar'))).findings, []);
  });

  it('adds to what is there, and refuses to lose it', async () => {
    const first = await writeLayout('first', { 'reg.test/first:1': originals.arm64 });
    const second = await writeLayout('second', { [NAME]: originals.amd64 });
    await run(first, 'docker', { output: path('out.tar') });
    await assert.rejects(run(second, 'docker', { output: path('out.tar') }), { code: 'ALREADY_EXISTS' });
    await run(second, 'docker', { output: path('out.tar'), append: true });
    const { images } = await inspect(path('out.tar'));
    assert.deepEqual(images.map(({ name }) => name).sort(), ['reg.test/first:1', NAME].sort());
    assert.deepEqual((await verify(path('out.tar'))).findings, []);
  });

  it('reads no layer for what only changes documents', async () => {
    await registry.put('app:1', makeIndex([originals.amd64, originals.arm64]));
    const image = `${registry.name}/app:1`;
    const output = `${path('layout')}/`;
    await run(image, 'oci', { output });
    registry.sentBlobs();
    const { blobs } = await run(image, 'docker', { output });
    const layers = [...originals.amd64.layers, ...originals.arm64.layers].map(
      ({ descriptor }): string => descriptor.digest,
    );
    assert.deepEqual(
      registry.sentBlobs().filter((digest) => layers.includes(digest)),
      [],
    );
    assert.ok(blobs.reused >= layers.length);
  });

  it('chooses linux/amd64 for schema1, or what is asked for', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([originals.arm64, originals.amd64]) });
    for (const [platforms, architecture] of [
      [undefined, 'amd64'],
      [['linux/arm64'], 'arm64'],
    ] as const) {
      await run(source, 'schema1', { output: path(`${architecture}.tar`), ...(platforms && { platforms }) });
      const [platform] = (await inspect(path(`${architecture}.tar`))).images[0]?.platforms ?? [];
      assert.equal(platform?.architecture, architecture);
      assert.equal(platform?.signatures?.[0]?.valid, true);
    }
    await assert.rejects(run(source, 'schema1', { platforms: ['linux/s390x'] }), { code: 'NOT_FOUND' });
  });

  it('writes to a stream what it writes to a file', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([originals.amd64, originals.arm64]) });
    const stream = new PassThrough();
    const received = buffer(stream);
    const { output } = await run(source, 'docker', { output: stream });
    stream.end();
    assert.equal(output, '-');
    await run(source, 'docker', { output: path('file.tar') });
    assert.ok((await received).equals(await readFile(path('file.tar'))));
  });

  it('leaves nothing under the final name, nor its own files, when it is interrupted', async () => {
    const source = await writeLayout('in', { [NAME]: originals.amd64 });
    for (const compression of ['keep', 'none'] as const) {
      const controller = new AbortController();
      await assert.rejects(
        run(source, 'docker', {
          output: path('out.tar'),
          compression,
          signal: controller.signal,
          onEvent: ({ type }) => type === 'started' && controller.abort(new Error('stop')),
        }),
      );
      assert.equal(existsSync(path('out.tar')), false);
      assert.deepEqual(
        (await readdir(path())).filter((name) => name.startsWith('.lading')),
        [],
      );
    }
    await run(source, 'docker', { output: path('out.tar') });
    assert.deepEqual((await verify(path('out.tar'))).findings, []);
  });

  it('writes an archive for Docker before 1.10 only as a docker-archive', async () => {
    const source = await writeLayout('in', { [NAME]: originals.amd64 });
    await assert.rejects(run(source, 'docker', { output: path('out.tar'), dockerLegacy: true }), {
      code: 'USAGE',
      remedy: 'format',
      remedyFor: 'docker-archive',
    });
    const output = path('out.tar');
    await run(source, 'docker', { output, dockerLegacy: true, format: 'docker-archive' });
    assert.deepEqual(Object.keys((await documentIn(output, 'repositories')) as object), [
      'reg.test/team/app',
    ]);
    assert.deepEqual((await verify(output)).findings, []);
  });

  it('tells what is odd about a manifest, once', async () => {
    const empty = await makeImage({ seed: 'empty', layers: [] });
    const source = await storeOf({ 'reg.test/a:1': empty, 'reg.test/a:2': empty });
    await copyInto(await openArchiveForWriting(path('in.tar'), { format: 'universal' }), source, [
      'reg.test/a:1',
      'reg.test/a:2',
    ]);
    const warnings: string[] = [];
    await run(path('in.tar'), 'docker', {
      onEvent: (event) => event.type === 'warning' && warnings.push(event.message),
    });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', new RegExp(`${empty.manifest.descriptor.digest}: .*no layers`));
  });

  it('converts what several images share once, and every image of an archive', async () => {
    const source = await writeLayout('in', {
      'reg.test/a:1': originals.amd64,
      'reg.test/a:2': makeIndex([originals.amd64, originals.arm64]),
    });
    const { images, blobs } = await run(source, 'docker');
    assert.equal(images.length, 2);
    assert.equal(isIndex(images[1]?.to.mediaType ?? ''), true);
    const shared = new Set(
      [...originals.amd64.all, ...originals.arm64.all].map(({ descriptor }) => descriptor.digest),
    );
    assert.equal(blobs.total, shared.size - 2);
    assert.equal(
      images.some(({ to }) => isSchema1(to.mediaType)),
      false,
    );
  });
});
