import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';
import { ANNOTATION } from '../../../src/content/annotations.js';
import { isIndex, isSchema1, MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createSigningKey } from '../../../src/manifest/convert/sign-schema1.js';
import { parseManifest } from '../../../src/manifest/manifest.js';
import { convert } from '../../../src/operations/convert/convert.js';
import type { ConvertOptions, ConvertResult } from '../../../src/operations/convert/options.js';
import { inspect } from '../../../src/operations/inspect/inspect.js';
import { verify } from '../../../src/operations/verify/verify.js';
import { openArchiveForWriting } from '../../../src/store/archive/archive-writer.js';
import { openLayoutForWriting } from '../../../src/store/layout/layout.js';
import { openPath } from '../../../src/store/open.js';
import { readContent } from '../../../src/store/read-content.js';
import { has } from '../../../src/store/store.js';
import type { ConversionFormat } from '../../../src/transfer/convert/image-conversion.js';
import { copyInto, documentIn, storeOf } from '../../support/archives.js';
import { diffIDsIn } from '../../support/docker-archives.js';
import {
  type Content,
  jsonContent,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../../support/images.js';
import { useFolder } from '../../support/temporary.js';
import { running, useThreads } from '../../support/threads.js';
import { startRegistry, type TestRegistry } from '../registry.js';

const NAME = 'reg.test/team/app:1';

describe('convert', () => {
  const path = useFolder();
  let registry: TestRegistry;
  let amd64: MadeImage;
  let arm64: MadeImage;
  before(async () => {
    registry = await startRegistry();
    amd64 = await makeImage({ seed: 'amd64', layers: [5000, 70] });
    arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  });
  after(() => registry.close());

  type Images = Parameters<typeof storeOf>[0];
  const writeLayout = async (name: string, images: Images, more: Content[] = []): Promise<string> => {
    const source = await storeOf(images);
    await pushAll(source, more);
    await copyInto(await openLayoutForWriting(path(name)), source, Object.keys(images));
    return path(name);
  };
  const run = (source: string, to: ConversionFormat, options: Partial<ConvertOptions> = {}) =>
    convert({ source, to, output: `${path(`out-${to}`)}/`, ...options });
  const only = ({ images }: ConvertResult): ConvertResult['images'][number] => {
    const [image, ...others] = images;
    assert.ok(image !== undefined && others.length === 0);
    return image;
  };
  it('gives the original digests back after there and back', async () => {
    const index = makeIndex([amd64, arm64]);
    const source = await writeLayout('in', { [NAME]: index });
    const there = only(await run(source, 'docker'));
    assert.equal(there.to.mediaType, MEDIA_TYPE.dockerManifestList);
    assert.equal(Object.keys(there.digests).length, 3);
    const back = only(await run(path('out-docker'), 'oci'));
    assert.equal(back.to.digest, index.manifest.descriptor.digest);
    assert.deepEqual(back.digests, Object.fromEntries(Object.entries(there.digests).map(([a, b]) => [b, a])));
  });

  it('is the same bytes at two runs, schema1 the same digests', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([amd64, arm64]) });
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
  const keyOf = async (location: string): Promise<string | undefined> =>
    (await inspect(location)).images[0]?.platforms[0]?.signatures?.[0]?.keyId;

  it('keeps the original beside what is made of it, and says which it was', async () => {
    const source = await writeLayout('in', { [NAME]: amd64 });
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
    const first = await writeLayout('first', { 'reg.test/first:1': arm64 });
    const second = await writeLayout('second', { [NAME]: amd64 });
    await run(first, 'docker', { output: path('out.tar') });
    await assert.rejects(run(second, 'docker', { output: path('out.tar') }), { code: 'ALREADY_EXISTS' });
    await run(second, 'docker', { output: path('out.tar'), append: true });
    const { images } = await inspect(path('out.tar'));
    assert.deepEqual(images.map(({ name }) => name).sort(), ['reg.test/first:1', NAME].sort());
    assert.deepEqual((await verify(path('out.tar'))).findings, []);
  });

  it('reads no layer for what only changes documents', async () => {
    await registry.put('app:1', makeIndex([amd64, arm64]));
    const image = `${registry.name}/app:1`;
    const output = `${path('layout')}/`;
    await run(image, 'oci', { output });
    registry.sentBlobs();
    const { blobs } = await run(image, 'docker', { output });
    const layers = [...amd64.layers, ...arm64.layers].map(({ descriptor }): string => descriptor.digest);
    assert.deepEqual(
      registry.sentBlobs().filter((digest) => layers.includes(digest)),
      [],
    );
    assert.ok(blobs.reused >= layers.length);
  });

  it('chooses linux/amd64 for schema1, or what is asked for', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([arm64, amd64]) });
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

  describe('of schema1 whose signature does not hold', () => {
    const damaged = async (): Promise<string> => {
      const source = await writeLayout('in', { [NAME]: amd64 });
      await run(source, 'schema1');
      const store = await openPath(path('out-schema1'));
      const root = await store.resolve(NAME);
      const bytes = Buffer.from(await readContent(store, root));
      const signature = bytes.lastIndexOf('"signature": "') + 20;
      bytes.writeUInt8(bytes.readUInt8(signature) === 0x41 ? 0x42 : 0x41, signature);
      const layers = amd64.layers.map((layer) => layer);
      const forged = { manifest: { descriptor: root, bytes }, all: [...layers, { descriptor: root, bytes }] };
      await store.close();
      return writeLayout('forged', { [NAME]: forged });
    };

    it('converts and tells, or refuses where that is asked for', async () => {
      const source = await damaged();
      const { signature, to } = only(await run(source, 'oci'));
      assert.deepEqual(signature, { valid: false });
      assert.equal(to.mediaType, MEDIA_TYPE.ociManifest);
      const refusal = await run(source, 'oci', { verifySignature: true, output: path('refused.tar') }).catch(
        (error: unknown) => error,
      );
      assert.equal(exitCodeOf(refusal), 3);
      assert.deepEqual(
        (await readdir(path())).filter((name) => name.startsWith('refused')),
        [],
      );
      const [found] = (await verify(source)).findings;
      assert.equal(found?.code, 'INVALID_SIGNATURE');
    });

    it('names the key of one that holds', async () => {
      await run(await writeLayout('in', { [NAME]: amd64 }), 'schema1');
      const { signature } = only(await run(path('out-schema1'), 'docker', { verifySignature: true }));
      assert.equal(signature?.valid, true);
      assert.match(signature?.keyId ?? '', /^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
      assert.equal(signature?.keyId, await keyOf(path('out-schema1')));
    });
  });

  it('keeps attestations, told what became of the image they are about', async () => {
    const statement = { _type: 'https://in-toto.io/Statement/v0.1' };
    const layer = jsonContent('application/vnd.in-toto+json', statement);
    const config = jsonContent(MEDIA_TYPE.ociConfig, {
      os: 'unknown',
      architecture: 'unknown',
      rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
    });
    const attestation = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
    });
    const annotations = (digest: string): Record<string, string> => ({
      [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
      [ANNOTATION.dockerReferenceDigest]: digest,
    });
    const docker = await makeImage({ seed: 'docker', format: 'docker' });
    const list = jsonContent(MEDIA_TYPE.dockerManifestList, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.dockerManifestList,
      manifests: [
        { ...docker.manifest.descriptor, platform: docker.platform },
        {
          ...attestation.descriptor,
          platform: { os: 'unknown', architecture: 'unknown' },
          annotations: annotations(docker.manifest.descriptor.digest),
        },
      ],
    });
    const all = [...docker.all, layer, config, attestation, list];
    const { to, digests, lost } = only(
      await run(await writeLayout('in', { [NAME]: { manifest: list, all } }), 'oci'),
    );
    const store = await openPath(path('out-oci'));
    const index = parseManifest(await readContent(store, await store.resolve(NAME)));
    await store.close();
    assert.equal(to.mediaType, MEDIA_TYPE.ociIndex);
    assert.ok('manifests' in index);
    const [image, kept] = index.manifests;
    assert.equal(image?.digest, digests[docker.manifest.descriptor.digest]);
    assert.equal(kept?.digest, attestation.descriptor.digest);
    assert.deepEqual(kept?.annotations, annotations(image?.digest ?? ''));
    assert.equal(lost.length, 1);
    assert.match(lost[0] ?? '', /attestation sha256:\w+ is about/);
    assert.deepEqual((await verify(path('out-oci'))).findings, []);
  });

  it('tells no loss where nothing is lost: of what has the format already, all keeps its digest', async () => {
    const layer = jsonContent('application/vnd.in-toto+json', { _type: 'https://in-toto.io/Statement/v0.1' });
    const config = jsonContent(MEDIA_TYPE.ociConfig, {
      os: 'unknown',
      architecture: 'unknown',
      rootfs: { type: 'layers', diff_ids: [layer.descriptor.digest] },
    });
    const attestation = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: config.descriptor,
      layers: [layer.descriptor],
    });
    const { descriptor } = amd64.manifest;
    for (const [place, platform] of [amd64.platform, undefined].entries()) {
      const index = jsonContent(MEDIA_TYPE.ociIndex, {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.ociIndex,
        manifests: [
          { ...descriptor, ...(platform && { platform }) },
          {
            ...attestation.descriptor,
            platform: { os: 'unknown', architecture: 'unknown' },
            annotations: {
              [ANNOTATION.dockerReferenceType]: 'attestation-manifest',
              [ANNOTATION.dockerReferenceDigest]: descriptor.digest,
            },
          },
        ],
      });
      const signature = makeReferrer(index.descriptor, {
        artifactType: 'text/x-signature',
        payload: 'signed',
      });
      const all = [...amd64.all, layer, config, attestation, index];
      const source = await writeLayout(`in-${place}`, { [NAME]: { manifest: index, all } }, signature.all);
      const output = `${path(`out-${place}`)}/`;
      const { from, to, digests, lost } = only(await run(source, 'oci', { output }));
      assert.deepEqual([lost, digests, to], [[], {}, from]);
      const store = await openPath(output);
      assert.equal(await has(store, signature.manifest.descriptor), true, 'its signature came along');
      await store.close();
    }
  });

  it('keeps what is attached to a child that did not change, and names what is attached to one that did', async () => {
    const docker = await makeImage({ seed: 'docker', format: 'docker' });
    const index = makeIndex([amd64, docker]);
    const [onKept, onChanged] = [amd64, docker].map(({ manifest }, place) =>
      makeReferrer(manifest.descriptor, { artifactType: 'text/x-sbom', payload: `sbom ${place}` }),
    );
    assert.ok(onKept && onChanged);
    const onSBOM = makeReferrer(onKept.manifest.descriptor, {
      artifactType: 'text/x-sig',
      payload: 'signed',
    });
    const more = [...onKept.all, ...onChanged.all, ...onSBOM.all];
    const source = await writeLayout('in', { [NAME]: index }, more);
    const { lost } = only(await run(source, 'oci'));
    assert.deepEqual(lost, [
      `${onChanged.manifest.descriptor.digest}, which is attached to ${docker.manifest.descriptor.digest}`,
    ]);
    const store = await openPath(path('out-oci'));
    for (const [referrer, isThere] of [
      [onKept, true],
      [onSBOM, true],
      [onChanged, false],
    ] as const)
      assert.equal(await has(store, referrer.manifest.descriptor), isThere);
    await store.close();
    assert.deepEqual((await verify(path('out-oci'))).findings, []);
  });

  it('leaves artifacts as they are', async () => {
    const chart = makeReferrer(amd64.manifest.descriptor, { artifactType: 'text/x-chart', payload: 'chart' });
    const source = await writeLayout('in', { 'reg.test/chart:1': chart }, amd64.all);
    for (const to of ['oci', 'docker'] as const) {
      const { from, to: made, digests } = only(await run(source, to));
      assert.equal(made.digest, from.digest);
      assert.deepEqual(digests, {});
    }
  });

  it('names the signatures that covered the old digest, and keeps them with the original', async () => {
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    const note = makeReferrer(amd64.manifest.descriptor, { artifactType: 'text/x-sbom', payload: 'sbom' });
    const source = await storeOf({ [NAME]: amd64, [`reg.test/team/app:${signature.tag}`]: signature });
    await pushAll(source, note.all);
    await copyInto(await openLayoutForWriting(path('in')), source, [NAME]);
    const { lost } = only(await run(path('in'), 'docker'));
    assert.equal(lost.length, 2);
    for (const what of [signature.tag, note.manifest.descriptor.digest])
      assert.ok(lost.some((line) => line.includes(what) && line.includes(amd64.manifest.descriptor.digest)));

    const kept = only(await run(path('in'), 'docker', { output: path('kept.tar'), keepOriginal: true }));
    assert.deepEqual(kept.lost, []);
    const store = await openPath(path('kept.tar'));
    const attached = [];
    for await (const { descriptor } of store.referrers(amd64.manifest.descriptor))
      attached.push(descriptor.digest);
    await store.close();
    assert.deepEqual(
      attached.sort(),
      [signature.manifest.descriptor.digest, note.manifest.descriptor.digest].sort(),
    );
  });

  it('writes to a stream what it writes to a file', async () => {
    const source = await writeLayout('in', { [NAME]: makeIndex([amd64, arm64]) });
    const stream = new PassThrough();
    const received = buffer(stream);
    const { output } = await run(source, 'docker', { output: stream });
    stream.end();
    assert.equal(output, '-');
    await run(source, 'docker', { output: path('file.tar') });
    assert.ok((await received).equals(await readFile(path('file.tar'))));
  });

  it('leaves nothing under the final name, nor its own files, when it is interrupted', async () => {
    const source = await writeLayout('in', { [NAME]: amd64 });
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

  it('takes layers of another compression to every format, with the same diffIDs', async () => {
    const source = await writeLayout('in', { [NAME]: amd64 });
    const wanted = await diffIDsIn(source, NAME);
    for (const compression of ['none', 'gzip'] as const) {
      const output = `${path(compression)}/`;
      await run(compression === 'none' ? source : path('none'), 'docker', { output, compression });
      assert.deepEqual(await diffIDsIn(path(compression), NAME), wanted);
      const { findings, checked } = await verify(path(compression));
      assert.deepEqual([findings, checked.diffIDs], [[], 2]);
    }
  });

  describe('compresses all layers with one set of threads', () => {
    const threads = useThreads();
    let two: MadeImage;
    before(async () => {
      two = await makeImage({ seed: 'large', layers: [1_500_000, 1_600_000] });
    });
    const writePlain = async (image: MadeImage): Promise<string> => {
      const output = `${path('plain')}/`;
      await run(await writeLayout('in', { [NAME]: image }), 'oci', { output, compression: 'none' });
      return output;
    };
    const compress = (source: string, options: Partial<ConvertOptions> = {}) =>
      run(source, 'docker', { compression: 'gzip', ...options });

    it('whatever their number, which have ended when it is done', async () => {
      await compress(await writePlain(await makeImage({ seed: 'large', layers: [1_500_000] })));
      const forOne = threads().length;
      assert.ok(forOne > 0);
      await compress(await writePlain(two), { output: path('two.tar') });
      assert.equal(threads().length, 2 * forOne);
      assert.equal(running(threads()), 0);
    });

    it('which have ended when a layer turns out to be damaged', async () => {
      const source = await writePlain(two);
      const last = (await diffIDsIn(source, NAME)).at(-1) ?? assert.fail('the image has layers');
      const blob = join(source, 'blobs', last.replace(':', '/'));
      const bytes = await readFile(blob);
      bytes.write('damaged', bytes.length - 100_000);
      await writeFile(blob, bytes);
      await assert.rejects(compress(source), { code: 'DIGEST_MISMATCH' });
      assert.ok(threads().length > 0);
      assert.equal(running(threads()), 0);
    });

    it('which have ended when it is interrupted', async () => {
      const source = await writePlain(two);
      const controller = new AbortController();
      const stop = (): void => controller.abort(new Error('stop'));
      process.once('worker', stop);
      try {
        await assert.rejects(compress(source, { signal: controller.signal }));
      } finally {
        process.off('worker', stop);
      }
      assert.ok(threads().length > 0);
      assert.equal(running(threads()), 0);
    });
  });

  it('writes an archive for Docker before 1.10 only as a docker-archive', async () => {
    const source = await writeLayout('in', { [NAME]: amd64 });
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
      'reg.test/a:1': amd64,
      'reg.test/a:2': makeIndex([amd64, arm64]),
    });
    const { images, blobs } = await run(source, 'docker');
    assert.equal(images.length, 2);
    assert.equal(isIndex(images[1]?.to.mediaType ?? ''), true);
    const shared = new Set([...amd64.all, ...arm64.all].map(({ descriptor }) => descriptor.digest));
    assert.equal(blobs.total, shared.size - 2);
    assert.equal(
      images.some(({ to }) => isSchema1(to.mediaType)),
      false,
    );
  });
});
