import assert from 'node:assert/strict';
import { absentOf } from '../../src/content/annotations.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parsePlatform } from '../../src/content/platform.js';
import type { CopyEvent } from '../../src/events.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import type { Source } from '../../src/store/store.js';
import type { Plan, PlanOptions } from '../../src/transfer/plan.js';
import { storeOf } from '../support/archives.js';
import { attestationEntry, attestationOf } from '../support/attestations.js';
import {
  type Content,
  jsonContent,
  type MadeImage,
  type MadeIndex,
  makeImage,
  makeIndex,
} from '../support/images.js';
import { countingFetches } from '../support/openers.js';
import { planCopy } from '../support/plan.js';

const platformsOf = (...texts: string[]): Pick<PlanOptions, 'platforms'> => ({
  platforms: texts.map(parsePlatform),
});

describe('planCopy with some platforms chosen', () => {
  let amd64: MadeImage;
  let arm64: MadeImage;
  let arm7: MadeImage;
  let index: MadeIndex;
  before(async () => {
    amd64 = await makeImage({ seed: 'amd64' });
    arm64 = await makeImage({
      seed: 'arm64',
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
    });
    arm7 = await makeImage({ seed: 'arm', platform: { os: 'linux', architecture: 'arm', variant: 'v7' } });
    index = makeIndex([amd64, arm64, arm7]);
  });

  const plan = async (made: { all: Content[]; manifest: Content }, options: PlanOptions): Promise<Plan> =>
    planOf(await storeOf({ made }), options);
  const planOf = (source: Source, options: PlanOptions): Promise<Plan> =>
    planCopy([{ source, reference: 'made', name: 'made' }], options);
  const has = ({ blobs, manifests }: Plan, image: MadeImage): boolean => {
    const planned = new Set([...blobs, ...manifests].map(({ descriptor }) => descriptor.digest));
    const held = image.all.filter(({ descriptor }) => planned.has(descriptor.digest));
    assert.ok(held.length === 0 || held.length === image.all.length, 'all of an image or nothing of it');
    return held.length > 0;
  };
  const childrenOf = ({ images, manifests }: Plan): string[] => {
    const root = manifests.find(({ descriptor }) => descriptor.digest === images[0]?.root.digest);
    assert.ok(root?.bytes);
    assert.equal(digestOf(root.bytes), root.descriptor.digest);
    assert.equal(root.bytes.length, root.descriptor.size);
    const manifest = parseManifest(root.bytes, root.descriptor);
    return 'manifests' in manifest ? manifest.manifests.map(({ digest }) => digest) : [];
  };

  it('keeps the index, and a note of what is left out of it, when it is to be sparse', async () => {
    for (const made of [index, makeIndex([amd64, arm64, arm7], { format: 'docker' })]) {
      const sparse = await plan(made, { ...platformsOf('linux/arm64'), index: 'sparse' });
      assert.deepEqual([has(sparse, amd64), has(sparse, arm64), has(sparse, arm7)], [false, true, false]);
      const [image] = sparse.images;
      assert.equal(image?.root.digest, made.manifest.descriptor.digest);
      assert.equal(image?.original, undefined);
      const left = [amd64, arm7].map(({ manifest }) => manifest.descriptor.digest);
      assert.deepEqual(image?.absent, left);
      assert.deepEqual(absentOf(image.root), left);
      assert.deepEqual(image.platforms, [arm64.platform]);
    }
  });

  it('makes a smaller index when it is to be rewritten, and tells of the old one', async () => {
    const rewritten = await plan(index, { ...platformsOf('linux/arm64', 'linux/amd64'), index: 'rewrite' });
    assert.deepEqual(
      [has(rewritten, amd64), has(rewritten, arm64), has(rewritten, arm7)],
      [true, true, false],
    );
    assert.deepEqual(
      childrenOf(rewritten),
      [amd64, arm64].map(({ manifest }) => manifest.descriptor.digest),
    );
    const [image] = rewritten.images;
    assert.deepEqual(image?.original, index.manifest.descriptor);
    assert.deepEqual(image?.absent, []);
  });

  it('keeps the digest of an index that has no more than what is asked for', async () => {
    const all = platformsOf('linux/amd64', 'linux/arm64', 'linux/arm');
    for (const choice of ['sparse', 'rewrite'] as const) {
      const [image] = (await plan(index, { ...all, index: choice })).images;
      assert.equal(image?.root.digest, index.manifest.descriptor.digest);
      assert.deepEqual([image?.original, image?.absent], [undefined, []]);
    }
  });

  it('puts the image in the place of the index where there is room for one', async () => {
    const single = await plan(index, { ...platformsOf('linux/arm/v7'), index: 'single' });
    assert.deepEqual(single.images[0]?.root, arm7.manifest.descriptor);
    assert.deepEqual(single.images[0]?.original, index.manifest.descriptor);
    assert.deepEqual([has(single, amd64), has(single, arm7)], [false, true]);
    assert.equal(single.manifests.length, 1);

    const chosen = await plan(index, { index: 'single' });
    assert.equal(chosen.images[0]?.root.digest, amd64.manifest.descriptor.digest);
    const first = await plan(makeIndex([arm7, arm64]), { index: 'single' });
    assert.equal(first.images[0]?.root.digest, arm7.manifest.descriptor.digest);
  });

  it('does not read what is left out', async () => {
    const source = countingFetches(await storeOf({ made: index }));
    await planOf(source, { ...platformsOf('linux/arm64'), index: 'rewrite' });
    const fetched = new Set(source.fetches.map(({ digest }) => digest));
    for (const { manifest } of [amd64, arm7]) assert.ok(!fetched.has(manifest.descriptor.digest));
  });

  it('chooses inside nested indexes, and rewrites each of them', async () => {
    const outer = makeIndex([makeIndex([amd64, arm64]), makeIndex([arm7])]);
    const rewritten = await plan(outer, { ...platformsOf('linux/amd64'), index: 'rewrite' });
    assert.deepEqual(
      [has(rewritten, amd64), has(rewritten, arm64), has(rewritten, arm7)],
      [true, false, false],
    );
    const inner = makeIndex([amd64]).manifest.descriptor.digest;
    assert.deepEqual(childrenOf(rewritten), [inner]);
    assert.ok(rewritten.manifests.some(({ descriptor }) => descriptor.digest === inner));

    const sparse = await plan(outer, { ...platformsOf('linux/amd64'), index: 'sparse' });
    assert.equal(sparse.images[0]?.root.digest, outer.manifest.descriptor.digest);
    assert.equal(sparse.images[0]?.absent.length, 2);
    const single = await plan(outer, { ...platformsOf('linux/arm64'), index: 'single' });
    assert.equal(single.images[0]?.root.digest, arm64.manifest.descriptor.digest);
  });

  it('asks the config of a child whose index does not tell its platform', async () => {
    const bare = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      manifests: [amd64, arm64].map(({ manifest }) => manifest.descriptor),
    });
    const made = { manifest: bare, all: [...amd64.all, ...arm64.all, bare] };
    const rewritten = await plan(made, { ...platformsOf('linux/arm64'), index: 'rewrite' });
    assert.deepEqual([has(rewritten, amd64), has(rewritten, arm64)], [false, true]);
  });

  it('keeps the attestations of what is kept, and no others', async () => {
    const [ofAmd64, ofArm64] = [await attestationOf(amd64), await attestationOf(arm64)];
    const attested = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: [
        { ...amd64.manifest.descriptor, platform: amd64.platform },
        { ...arm64.manifest.descriptor, platform: arm64.platform },
        attestationEntry(ofAmd64, amd64),
        attestationEntry(ofArm64, arm64),
      ],
    });
    const made = {
      manifest: attested,
      all: [...amd64.all, ...arm64.all, ...ofAmd64.all, ...ofArm64.all, attested],
    };
    for (const choice of ['sparse', 'rewrite'] as const) {
      const chosen = await plan(made, { ...platformsOf('linux/arm64'), index: choice });
      const held = [amd64, arm64, ofAmd64, ofArm64].map((image) => has(chosen, image));
      assert.deepEqual(held, [false, true, false, true], choice);
      assert.deepEqual(chosen.images[0]?.platforms, [arm64.platform]);
    }
    const whole = await plan(made, {});
    assert.deepEqual([has(whole, ofAmd64), has(whole, ofArm64)], [true, true]);
  });

  it('rejects with NOT_FOUND an image that has none of the platforms, and says which it has', async () => {
    for (const choice of ['sparse', 'rewrite', 'single'] as const) {
      await assert.rejects(plan(index, { ...platformsOf('linux/s390x'), index: choice }), {
        code: 'NOT_FOUND',
        message: /made is not available for linux\/s390x/,
        hint: 'It is available for linux/amd64, linux/arm64/v8, linux/arm/v7.',
      });
    }
    await assert.rejects(plan(amd64, { ...platformsOf('linux/arm64') }), {
      code: 'NOT_FOUND',
      hint: /linux\/amd64/,
    });
  });

  it('warns of a platform that is missing beside others that are there', async () => {
    const events: CopyEvent[] = [];
    await plan(index, {
      ...platformsOf('linux/amd64', 'linux/s390x'),
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(
      events.filter(({ type }) => type === 'warning'),
      [{ type: 'warning', message: 'made is not available for linux/s390x' }],
    );
  });

  it('takes what has no platform for every platform', async () => {
    const config = jsonContent('application/vnd.cncf.helm.config.v1+json', { name: 'chart' });
    const manifest = jsonContent(MEDIA_TYPE.ociManifest, {
      schemaVersion: 2,
      config: config.descriptor,
      layers: [],
    });
    const chart = await plan({ manifest, all: [config, manifest] }, { ...platformsOf('linux/s390x') });
    assert.deepEqual(chart.images[0]?.root, manifest.descriptor);
    assert.deepEqual(chart.images[0]?.platforms, []);
  });
});
