import assert from 'node:assert/strict';
import type { Descriptor } from '../../src/content/descriptor.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import type { CopyEvent } from '../../src/events.js';
import { createMemoryStore } from '../../src/store/memory.js';
import type { Source, Wanted } from '../../src/store/store.js';
import type { Plan, PlanOptions } from '../../src/transfer/plan.js';
import { storeOf } from '../support/archives.js';
import {
  type Content,
  contentOf,
  jsonContent,
  type MadeImage,
  makeImage,
  makeIndex,
  pushAll,
} from '../support/images.js';
import { brokenOff, countingFetches, openerOf, overriding } from '../support/openers.js';
import { planCopy } from '../support/plan.js';
import { signedSchema1 } from '../support/signed-schema1.js';

const planOf = (source: Source, names: readonly string[], options?: PlanOptions): Promise<Plan> =>
  planCopy(
    names.map((name) => ({ source, reference: name, name })),
    options,
  );
const digestsOf = (contents: readonly { descriptor: Descriptor }[]): string[] =>
  contents.map(({ descriptor }) => descriptor.digest);

describe('planCopy', () => {
  let first: MadeImage;
  let second: MadeImage;
  before(async () => {
    first = await makeImage({ seed: 1, layers: [10_000, 20_000] });
    second = await makeImage({ seed: 2, layers: [5000] });
  });

  it('knows everything before the first layer: each content once, blobs largest first, and the total', async () => {
    const source = countingFetches(await storeOf({ a: first, b: second, c: first }));
    const plan = await planOf(source, ['a', 'b', 'c']);
    const blobs = [...first.layers, first.config, ...second.layers, second.config];
    assert.deepEqual(
      digestsOf(plan.blobs),
      digestsOf(blobs.toSorted((one, other) => other.descriptor.size - one.descriptor.size)),
    );
    const all = [...first.all, ...second.all];
    assert.equal(
      plan.bytes,
      all.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    assert.deepEqual(digestsOf(plan.manifests).sort(), digestsOf([first.manifest, second.manifest]).sort());

    const layers = new Set(digestsOf([...first.layers, ...second.layers]));
    const fetched = source.fetches.map(({ digest }) => digest);
    assert.equal(fetched.filter((digest) => layers.has(digest)).length, 0);
    assert.equal(new Set(fetched).size, fetched.length, 'and no document twice');
  });

  it('reads many images in turn, not all of them at once', async () => {
    const names = Array.from({ length: 500 }, (_, at) => `app:${at}`);
    const asked: string[] = [];
    const source = await storeOf(Object.fromEntries(names.map((name) => [name, first])));
    const watched = overriding(source, {
      resolve: (reference: string) => {
        asked.push(reference);
        return source.resolve(reference);
      },
      async *referrers() {
        asked.push('referrers');
        yield* [];
      },
    });
    await planOf(watched, names);
    assert.deepEqual(
      asked.filter((reference) => reference !== 'referrers'),
      names,
    );
    assert.ok(asked.indexOf('referrers') < 200, `${asked.indexOf('referrers')} before one was read whole`);
  });

  it('is the same plan in whatever order images are asked for', async () => {
    const source = await storeOf({ a: first, b: second, c: makeIndex([first, second]) });
    const plans = await Promise.all([planOf(source, ['a', 'b', 'c']), planOf(source, ['c', 'b', 'a'])]);
    const [one, other] = plans.map(({ blobs, levels, bytes }) => ({
      blobs: digestsOf(blobs),
      levels: levels.map(digestsOf),
      bytes,
    }));
    assert.deepEqual(one, other);
  });

  it('puts children before the indexes that name them', async () => {
    const index = makeIndex([first, second]);
    const outer = makeIndex([index]);
    const plan = await planOf(await storeOf({ outer }), ['outer']);
    assert.deepEqual(
      plan.levels.map((level) => digestsOf(level).sort()),
      [
        digestsOf([first.manifest, second.manifest]).sort(),
        digestsOf([index.manifest]),
        digestsOf([outer.manifest]),
      ],
    );
    assert.deepEqual(plan.successorsOf(outer.manifest.descriptor.digest), digestsOf([index.manifest]));
    const [image] = plan.images;
    assert.deepEqual(image?.platforms, [first.platform, second.platform]);
    assert.equal(image?.contents.size, outer.all.length);
  });

  it('tells of each image what it is', async () => {
    const [image] = (await planOf(await storeOf({ a: first }), ['a'])).images;
    assert.equal(image?.name, 'a');
    assert.deepEqual(image?.root, first.manifest.descriptor);
    assert.equal(image?.original, undefined);
    assert.equal(
      image?.size,
      first.all.reduce((sum, { bytes }) => sum + bytes.length, 0),
    );
    assert.deepEqual(image?.names, [{ name: 'a', descriptor: first.manifest.descriptor }]);
    assert.deepEqual(image?.absent, []);
  });

  it('leaves foreign layers where their urls point, and takes those that have none', async () => {
    const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const [elsewhere, here] = [
      contentOf(foreign, Buffer.from('elsewhere')),
      contentOf(foreign, Buffer.from('here')),
    ];
    const manifest = jsonContent(MEDIA_TYPE.dockerManifest, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.dockerManifest,
      config: first.config.descriptor,
      layers: [{ ...elsewhere.descriptor, urls: ['https://example.com/layer'] }, here.descriptor],
    });
    const source = await storeOf({ a: { manifest, all: [here, first.config, manifest] } });
    const digests = digestsOf((await planOf(source, ['a'])).blobs);
    assert.deepEqual(digests.sort(), digestsOf([here, first.config]).sort());
  });

  it('asks for the sizes of the layers of schema1', async () => {
    const { source, schema1, layers } = await schema1Store();
    const plan = await planOf(source, ['legacy']);
    const sizes = new Map(layers.map((layer) => [layer.descriptor.digest, layer.descriptor.size]));
    assert.equal(plan.blobs.length, layers.length);
    for (const { descriptor } of plan.blobs) assert.equal(descriptor.size, sizes.get(descriptor.digest));
    assert.deepEqual(plan.images[0]?.root, schema1.descriptor);
    assert.deepEqual(plan.images[0]?.platforms, [{ os: 'linux', architecture: 'amd64' }]);
  });

  it('rejects with MISSING_CONTENT what an image names and its source does not have', async () => {
    const index = makeIndex([first, second]);
    const source = await storeOf({
      index: { manifest: index.manifest, all: [...first.all, index.manifest] },
    });
    await assert.rejects(planOf(source, ['index']), {
      code: 'MISSING_CONTENT',
      message: new RegExp(second.manifest.descriptor.digest),
      hint: /incomplete at its source\. Choosing platforms leaves out the content of all others\.$/,
      remedy: 'platforms',
    });
    await assert.rejects(planOf(source, ['nothing']), { code: 'NOT_FOUND' });
  });

  it('reads again what broke off, and refuses what is damaged', async () => {
    const source = await storeOf({ a: first });
    let breaks = 2;
    const breaking = overriding(source, {
      isLocal: false,
      async fetch(...[descriptor, options]: Parameters<Source['fetch']>) {
        return breaks-- > 0
          ? brokenOff(first.manifest.bytes.subarray(0, 10))
          : source.fetch(descriptor, options);
      },
    });
    assert.equal((await planOf(breaking, ['a'], { retries: 2 })).images.length, 1);

    const damaged = overriding(source, {
      fetch: async () => openerOf(Buffer.from(first.manifest.bytes.toString().replace('2', '3')))(),
    });
    await assert.rejects(planOf(damaged, ['a'], { retries: 0 }), { code: 'DIGEST_MISMATCH' });
  });

  it('refuses indexes that are nested for their own sake', async () => {
    let made = makeIndex([first]);
    for (let depth = 0; depth < 8; depth++) made = makeIndex([made]);
    await assert.rejects(planOf(await storeOf({ made }), ['made']), {
      code: 'INVALID_MANIFEST',
      message: /inside 8 others/,
    });
  });

  it('ends with the first failure, and goes on with the others when it is told to', async () => {
    const source = await storeOf({ a: first, b: second });
    await assert.rejects(planOf(source, ['a', 'missing', 'b']), { code: 'NOT_FOUND' });

    const events: CopyEvent[] = [];
    const plan = await planOf(source, ['a', 'missing', 'b'], {
      keepGoing: true,
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual(
      plan.images.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(
      plan.failures.map(({ name }) => name),
      ['missing'],
    );
    assert.deepEqual(
      events.filter(({ type }) => type === 'failed').map((event) => 'name' in event && event.name),
      ['missing'],
    );
    await assert.rejects(planOf(source, ['missing'], { keepGoing: true }), { code: 'NOT_FOUND' });
  });

  it('stops when it is told to', async () => {
    const source = await storeOf({ a: first });
    const signal = AbortSignal.abort(new Error('stop'));
    await assert.rejects(planOf(source, ['a'], { signal, keepGoing: true }), { message: 'stop' });
  });
});

/** A store with a schema1 manifest, and content for its layers of whose digests only the store knows. */
async function schema1Store(): Promise<{ source: Source; schema1: Content; layers: Content[] }> {
  const schema1 = signedSchema1();
  const store = createMemoryStore();
  await pushAll(store, [schema1]);
  await store.tag(schema1.descriptor, 'legacy');
  const { fsLayers } = JSON.parse(schema1.bytes.toString()) as { fsLayers: { blobSum: string }[] };
  const digests = [...new Set(fsLayers.map(({ blobSum }) => blobSum))];
  const layers = digests.map((digest, place) => {
    const content = contentOf(MEDIA_TYPE.dockerLayerGzip, Buffer.alloc(100 + place));
    return { ...content, descriptor: { ...content.descriptor, digest: digest as Descriptor['digest'] } };
  });
  const source = overriding(store, {
    async sizeOf({ digest }: Wanted) {
      const layer = layers.find(({ descriptor }) => descriptor.digest === digest);
      assert.ok(layer, digest);
      return layer.descriptor.size;
    },
  });
  return { source, schema1, layers };
}
