import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { copyImages } from '../../src/operations/copy.js';
import { type ListedImage, list } from '../../src/operations/list.js';
import type { VerifyOptions, VerifyResult } from '../../src/operations/verify/result.js';
import { verify } from '../../src/operations/verify/verify.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { blobPath } from '../../src/store/layout/layout-reader.js';
import { attestationEntry, attestationOf } from '../support/attestations.js';
import { warningsInto } from '../support/events.js';
import {
  type Content,
  jsonContent,
  type MadeImage,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { useFolder } from '../support/temporary.js';
import { startRegistry } from './registry.js';
import { flip, foundIn } from './verify/verifying.js';

const NAME = 'ghcr.io/product/app:1';
const OTHER = 'ghcr.io/product/other:1';
const ARM64 = ['linux/arm64'];

describe('some platforms of an archive, listed and verified', () => {
  const path = useFolder();
  let amd64: MadeImage;
  let arm64: MadeImage;
  let s390x: MadeImage;
  let ofArm64: MadeImage;
  let index: Content;
  let contents: Content[];
  before(async () => {
    const image = (architecture: string) =>
      makeImage({
        seed: architecture,
        platform: { os: 'linux', architecture },
        layers: [700, 300],
        seeds: ['shared', architecture],
      });
    [amd64, arm64, s390x] = [await image('amd64'), await image('arm64'), await image('s390x')];
    const ofAmd64 = await attestationOf(amd64);
    ofArm64 = await attestationOf(arm64);
    index = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [
        { ...amd64.manifest.descriptor, platform: amd64.platform },
        { ...arm64.manifest.descriptor, platform: arm64.platform },
        s390x.manifest.descriptor, // only its config says its platform
        attestationEntry(ofAmd64, amd64),
        attestationEntry(ofArm64, arm64),
      ],
    });
    contents = [amd64, arm64, s390x, ofAmd64, ofArm64].flatMap(({ all }) => all);
    contents = [...new Map(contents.map((each) => [each.descriptor.digest, each])).values(), index];
  });
  beforeEach(() => writeLayout('all', contents, { [NAME]: index }));

  /** Content with an empty name is an entry without one. */
  async function writeLayout(
    folder: string,
    all: readonly Content[],
    names: Readonly<Record<string, Content>>,
    nameless: readonly Content[] = [],
  ): Promise<void> {
    const layout = await openLayoutForWriting(path(folder));
    await pushAll(layout, all);
    for (const [name, { descriptor }] of Object.entries(names)) await layout.tag(descriptor, name);
    for (const { descriptor } of nameless) await layout.tag(descriptor, descriptor.digest);
    await layout.commit();
    await layout.close();
  }

  const fileOf = ({ descriptor }: Content, folder = 'all'): string =>
    join(path(folder), blobPath(descriptor.digest));

  async function listed(source: string, platforms?: readonly string[]): Promise<ListedImage[]> {
    const result = await list(path(source), { platforms });
    assert(result.kind === 'images');
    assert.equal(
      result.bytes.withoutSharing,
      result.images.reduce((sum, { size = 0 }) => sum + size, 0),
    );
    return result.images;
  }

  /** Returns which of these contents are found when they are damaged, each alone. */
  async function foundOf(all: readonly Content[], options: VerifyOptions): Promise<string[]> {
    const found: string[] = [];
    for (const content of all) {
      const { digest } = content.descriptor;
      const bytes = await readFile(fileOf(content));
      await flip(fileOf(content), bytes.length - 1);
      const { findings } = await verify(path('all'), options);
      await writeFile(fileOf(content), bytes);
      if (findings.some((finding) => finding.digest === digest)) found.push(digest);
    }
    return found.sort();
  }

  const digestsOf = (...all: readonly Content[]): string[] =>
    all.map(({ descriptor }) => descriptor.digest as string).sort();

  it('are listed with their size, which is that of a sparse copy', async () => {
    for (const platforms of [ARM64, ['linux/s390x'], ['linux/s390x', 'linux/amd64']]) {
      const destination = path(platforms.join('').replaceAll('/', ''));
      await copyImages({ source: path('all'), destination, platforms, index: 'sparse' });
      const [copied] = await listed(platforms.join('').replaceAll('/', ''));
      assert.deepEqual(await listed('all', platforms), [copied]);
    }
    const [image] = await listed('all', ARM64);
    assert.deepEqual(image?.platforms, ARM64);
    const parts = [...arm64.all, ...ofArm64.all, index];
    assert.equal(
      image?.size,
      parts.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    );
    assert.deepEqual(
      image?.attachments.map(({ digest }) => digest),
      digestsOf(ofArm64.manifest),
    );
  });

  it('are listed of images that have one of them, and what has none is for each', async () => {
    const chart = makeReferrer(arm64.manifest.descriptor, { artifactType: 'application/c', payload: 'c' });
    const signature = makeCosignSignature(amd64.manifest.descriptor);
    // An artifact may have the config of an image, with a platform.
    const plugin = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociManifest,
      config: amd64.config.descriptor,
      layers: chart.layers.map(({ descriptor }) => descriptor),
    });
    const nested = makeIndex([makeIndex([amd64]), makeIndex([s390x])]);
    const names = { [NAME]: index, [OTHER]: amd64.manifest, 'ghcr.io/product/nested:1': nested.manifest };
    await writeLayout('more', [...contents, ...nested.all, ...chart.all, ...signature.all, plugin], {
      ...names,
      'ghcr.io/product/chart:1': chart.manifest,
      'ghcr.io/product/signature:1': signature.manifest,
      'ghcr.io/product/plugin:1': plugin,
    });
    const namesFor = async (...platforms: string[]): Promise<string[]> =>
      (await listed('more', platforms)).map(({ name }) => name.slice('ghcr.io/product/'.length)).sort();
    assert.deepEqual(await namesFor('linux/arm64'), ['app:1', 'chart:1', 'plugin:1', 'signature:1']);
    const withAmd64 = ['app:1', 'chart:1', 'nested:1', 'other:1', 'plugin:1', 'signature:1'];
    assert.deepEqual(await namesFor('linux/amd64'), withAmd64);
    assert.deepEqual(await namesFor('linux/mips64le', 'linux/s390x'), [
      ...['app:1', 'chart:1', 'nested:1', 'plugin:1', 'signature:1'],
    ]);
    const [inner] = (await listed('more', ['linux/s390x'])).filter(({ name }) => name.includes('nested'));
    const others = makeIndex([amd64]).manifest.descriptor.size;
    const whole = (await listed('more')).find(({ name }) => name.includes('nested'))?.size ?? 0;
    const own = [amd64.manifest, amd64.config, ...amd64.layers.slice(1)];
    assert.equal(
      inner?.size,
      own.reduce((left, { descriptor }) => left - descriptor.size, whole - others),
    );
  });

  it('are not listed where there are none, and cannot be chosen of names in a registry', async () => {
    await assert.rejects(list(path('all'), { platforms: ['linux/mips64le'] }), {
      code: 'NOT_FOUND',
      message: `${path('all')} holds no image for linux/mips64le`,
    });
    await assert.rejects(list(path('all'), { platforms: ['arm64'] }), { code: 'USAGE' });
    const registry = await startRegistry();
    try {
      await registry.put('a:1', amd64);
      for (const place of [registry.name, `${registry.name}/a`])
        await assert.rejects(list(place, { platforms: ARM64 }), { code: 'USAGE', message: /only names/ });
    } finally {
      await registry.close();
    }
  });

  it('are verified with what they need, which is what a sparse copy has', async () => {
    await copyImages({ source: path('all'), destination: path('arm64/'), platforms: ARM64, index: 'sparse' });
    const copied = await verify(path('arm64'));
    const result = await verify(path('all'), { platforms: ARM64 });
    assert.deepEqual(foundIn(result), []);
    assert.deepEqual(result.notes, []);
    assert.deepEqual(result.platforms, { checked: 1, all: 3, unchecked: ['linux/amd64', 'linux/s390x'] });
    // The config of s390x is read to know that it is another platform.
    const read = { manifests: copied.checked.manifests + 1, blobs: copied.checked.blobs + 1 };
    const documents = s390x.manifest.descriptor.size + s390x.config.descriptor.size;
    const bytes = copied.checked.bytes + documents;
    assert.deepEqual(result.checked, { ...read, bytes, diffIDs: copied.checked.diffIDs });

    const needed = digestsOf(...arm64.all, ...ofArm64.all, index, s390x.manifest, s390x.config);
    assert.deepEqual(await foundOf(contents, { platforms: ARM64 }), needed);
  });

  it('are verified although others are missing', async () => {
    for (const content of [amd64.manifest, amd64.config, s390x.layers[1]])
      await rm(fileOf(content ?? assert.fail()));
    assert.equal((await verify(path('all'))).ok, false);
    assert.equal((await verify(path('all'), { platforms: ARM64 })).ok, true);
    await writeFile(fileOf(amd64.manifest), Buffer.alloc(amd64.manifest.bytes.length));
    await rm(fileOf(arm64.manifest));
    const { findings, damaged } = await verify(path('all'), { platforms: ARM64 });
    assert.deepEqual(
      findings.map(({ code, digest }) => [code, digest]),
      [['MISSING_CONTENT', arm64.manifest.descriptor.digest]],
    );
    assert.deepEqual(
      damaged.map(({ name }) => name),
      [NAME],
    );
  });

  it('are verified with attachments of theirs and of the whole, and without those of others', async () => {
    const attached = (to: Content, payload: string): MadeImage =>
      makeReferrer(to.descriptor, { artifactType: 'application/a', payload });
    const referrers = [
      attached(index, 'index'),
      attached(amd64.manifest, 'amd64'),
      attached(arm64.manifest, 'arm64'),
      attached(s390x.manifest, 's390x'),
    ];
    const signatures = [amd64, arm64].map(({ manifest }) => makeCosignSignature(manifest.descriptor));
    const [ofAmd64, ofArm] = signatures;
    assert(ofAmd64 && ofArm);
    // Layouts of oras have an entry for each child, too.
    const nameless = [...referrers, amd64, arm64, s390x].map(({ manifest }) => manifest);
    const all = [...contents, ...[...referrers, ...signatures].flatMap((each) => each.all)];
    const tags = {
      [`ghcr.io/product/app:${ofAmd64.tag}`]: ofAmd64.manifest,
      [`ghcr.io/product/app:${ofArm.tag}`]: ofArm.manifest,
    };
    await writeLayout('all', all, { [NAME]: index, ...tags }, nameless);
    const expected = digestsOf(
      ...[referrers[0], referrers[2], ofArm].flatMap((each) => each?.manifest ?? assert.fail()),
    );
    const attachments = [...referrers, ...signatures].map(({ manifest }) => manifest);
    for (const select of [undefined, ['app:1']]) {
      const result = await verify(path('all'), { platforms: ARM64, select });
      assert.deepEqual([foundIn(result), result.notes], [[], []]);
      assert.deepEqual(result.platforms?.all, 3);
      assert.deepEqual(await foundOf(attachments, { platforms: ARM64, select }), expected);
    }
  });

  it('are verified of images that share them, also where another index states them', async () => {
    const bare = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [arm64.manifest.descriptor, s390x.manifest.descriptor, attestationEntry(ofArm64, arm64)],
    });
    // An index that is wrong about an image: what it says counts, as in a save.
    const wrong = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [{ ...s390x.manifest.descriptor, platform: arm64.platform }],
    });
    const names = { [NAME]: index, [`${NAME}.1`]: index, [OTHER]: bare, 'ghcr.io/product/wrong:1': wrong };
    await writeLayout('all', [...contents, bare, wrong], names);
    const result = await verify(path('all'), { platforms: ARM64 });
    assert.deepEqual([foundIn(result), result.notes], [[], []]);
    assert.deepEqual(result.platforms, { checked: 2, all: 3, unchecked: ['linux/amd64'] });
    const layers = [amd64, arm64, s390x, ofArm64].map((image) => image.layers.at(-1) ?? assert.fail());
    assert.deepEqual(await foundOf(layers, { platforms: ARM64 }), digestsOf(...layers.slice(1)));
    // The same, where the attestation is only in the second index.
    const first = makeIndex([amd64, arm64]);
    await writeLayout('all', [...contents, ...first.all, bare], { [NAME]: first.manifest, [OTHER]: bare });
    const both = await verify(path('all'), { platforms: ARM64 });
    const read = both.documents.map(({ digest }) => digest);
    assert(read.includes(ofArm64.manifest.descriptor.digest));
  });

  it('must be there for each image that is verified, as in a save', async () => {
    await writeLayout('all', contents, { [NAME]: index, [OTHER]: amd64.manifest });
    await assert.rejects(verify(path('all'), { platforms: ARM64 }), {
      code: 'NOT_FOUND',
      message: `${OTHER} is not available for linux/arm64`,
      hint: 'It is available for linux/amd64.',
    });
    assert.equal((await verify(path('all'), { platforms: ARM64, select: ['app'] })).ok, true);
    await assert.rejects(verify(path('all'), { platforms: ['linux/mips64le'], select: ['app'] }), {
      code: 'NOT_FOUND',
      message: `${NAME} is not available for linux/mips64le`,
      hint: 'It is available for linux/amd64, linux/arm64, linux/s390x.',
    });
    const warnings: string[] = [];
    const both = { platforms: ['linux/amd64', 'linux/mips64le'], onEvent: warningsInto(warnings) };
    assert.equal((await verify(path('all'), both)).platforms?.checked, 1);
    assert.deepEqual(
      warnings,
      [NAME, OTHER].map((name) => `${name} is not available for linux/mips64le`),
    );
    await assert.rejects(verify(path('all'), { platforms: ['arm64'] }), { code: 'USAGE' });
    await assert.rejects(verify(fileOf(index), { platforms: ARM64 }), { code: 'USAGE' });
  });

  it('are those that a sparse archive has, and its others are not counted', async () => {
    const sparse = { platforms: ['linux/amd64', 'linux/arm64'], index: 'sparse' as const };
    await copyImages({ source: path('all'), destination: path('sparse.tar'), ...sparse });
    const { ok, platforms } = await verify(path('sparse.tar'), { platforms: ARM64 });
    assert.deepEqual([ok, platforms], [true, { checked: 1, all: 2, unchecked: ['linux/amd64'] }]);
    const without = { platforms: ['linux/arm64', 'linux/s390x'], index: 'sparse' as const };
    await copyImages({ source: path('all'), destination: path('two.tar'), ...without });
    const two = await verify(path('two.tar'), { platforms: ARM64 });
    assert.deepEqual(two.platforms, { checked: 1, all: 2, unchecked: ['linux/s390x'] });
    const chosen = { platforms: ['linux/s390x'] };
    await assert.rejects(verify(path('sparse.tar'), chosen), { code: 'NOT_FOUND' });
    await assert.rejects(list(path('sparse.tar'), chosen), { code: 'NOT_FOUND' });
  });

  it('are one in an archive of Docker, and of a universal one both halves are read', async () => {
    for (const [destination, platforms] of [
      [`docker-archive:${path('docker.tar')}`, ['linux/amd64']],
      [path('universal.tar'), undefined],
    ] as const)
      await copyImages({ source: path('all'), destination, platforms });
    const whole = async (of: string, options: VerifyOptions): Promise<VerifyResult['platforms']> => {
      const result = await verify(path(of), options);
      assert.deepEqual(foundIn(result), []);
      return result.platforms;
    };
    assert.deepEqual(await whole('docker.tar', { platforms: ['linux/amd64'] }), {
      ...{ checked: 1, all: 1 },
      unchecked: [],
    });
    assert.equal((await whole('universal.tar', { platforms: ARM64 }))?.checked, 1);
    assert.deepEqual((await listed('docker.tar', ['linux/amd64'])).length, 1);
    await assert.rejects(verify(path('docker.tar'), { platforms: ARM64 }), { code: 'NOT_FOUND' });
  });
});
