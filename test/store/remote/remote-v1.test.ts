import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { plainDescriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createRegistryClient, type RegistryClient } from '../../../src/registry/client.js';
import { openPath } from '../../../src/store/open.js';
import { createRemoteV1Store, type RemoteV1Store } from '../../../src/store/remote/remote-v1.js';
import { V1Spool, type V1SpoolOptions } from '../../../src/store/remote/v1-spool.js';
import { has } from '../../../src/store/store.js';
import { sendJSON } from '../../registry/http-server.js';
import { namesOf, readImage, writeTar } from '../../support/docker-archives.js';
import { useFolder } from '../../support/temporary.js';
import { makeV1Chain, makeV1Image, type V1TestImage } from '../../support/v1-images.js';
import { startV1Registry, type V1Registry, type V1RegistryOptions } from '../../support/v1-registry.js';

describe('the store of a v1 repository', () => {
  const path = useFolder();
  let chain: V1TestImage[];
  let sibling: V1TestImage[];
  let client: RegistryClient;
  const closing: { close(): Promise<void> }[] = [];
  before(async () => {
    chain = await makeV1Chain('store', [70_000, 300, 200]);
    sibling = await makeV1Chain('sibling', [100], { on: chain[1] ?? assert.fail() });
  });
  beforeEach(() => {
    client = createRegistryClient({ retries: 0 });
    closing.push(client);
  });
  afterEach(async () => {
    for (const resource of closing.splice(0).reverse()) await resource.close();
  });

  const start = async (
    options: V1RegistryOptions = {},
    images: readonly V1TestImage[] = chain,
  ): Promise<V1Registry> => {
    const registry = await startV1Registry(options);
    closing.push(registry);
    registry.put('team/app:1', images);
    return registry;
  };
  const spoolOf = (options: V1SpoolOptions = {}): V1Spool => {
    const spool = new V1Spool({ directory: path(), wait: async () => undefined, ...options });
    closing.push(spool);
    return spool;
  };
  const open = ({ index }: V1Registry, spool = spoolOf(), repository = 'team/app'): RemoteV1Store =>
    createRemoteV1Store(client.v1, { registry: index.host, repository }, { spool });
  const base = (): V1TestImage => chain[0] ?? assert.fail();

  it('makes a manifest and a config of what stands on each other, layers as they were sent', async () => {
    const store = open(await start({ kind: 'index', tokensOnce: true }));
    const { root, manifest, diffIDs } = await readImage(store, '1');
    assert.equal(root.mediaType, MEDIA_TYPE.dockerManifest);
    assert.deepEqual(
      diffIDs,
      chain.map(({ diffID }) => diffID),
    );
    assert.deepEqual(
      manifest.layers,
      chain.map(({ layer }) => ({
        mediaType: MEDIA_TYPE.dockerLayerGzip,
        size: layer.byteLength,
        digest: digestOf(layer),
      })),
    );
    const [lowest] = manifest.layers;
    const region = await store.region?.(lowest ?? assert.fail());
    assert.ok((await readFile(region?.path ?? '')).equals(base().layer));
    assert.deepEqual(await store.resolve(root.digest), root);
    assert.equal(await store.sizeOf({ digest: digestOf(base().layer) }), lowest?.size);
    assert.equal(await has(store, manifest.config), true);
    assert.equal(await has(store, { ...manifest.config, digest: digestOf(Buffer.from('x')) }), false);
    for (const digest of [digestOf(Buffer.from('x')), manifest.config.digest])
      await assert.rejects(store.resolve(digest), { code: 'NOT_FOUND', hint: /by their tags/ });
    await assert.rejects(store.resolve('2'), { code: 'NOT_FOUND' });
  });

  it('makes the same image as the same folders in an archive of Docker before 1.10', async () => {
    const plain = chain.map((image) => ({ ...image, layer: gunzipSync(image.layer) }));
    const files = plain.flatMap(({ id, json, layer }) => [
      [`${id}/VERSION`, '1.0'],
      [`${id}/json`, json],
      [`${id}/layer.tar`, layer],
    ]);
    const repositories = JSON.stringify({ 'team/app': { 1: plain.at(-1)?.id } });
    const archive = await openPath(
      await writeTar(path('old.tar'), Object.fromEntries([...files, ['repositories', repositories]])),
    );
    closing.push(archive);
    const fromArchive = await readImage(archive, 'docker.io/team/app:1');
    const fromRegistry = await readImage(open(await start({}, plain)), '1');
    assert.deepEqual(fromRegistry, { ...fromArchive, root: plainDescriptor(fromArchive.root) });
  });

  it('takes fewer bytes than a tar has for a layer without files', async () => {
    const layers = [Buffer.alloc(0), Buffer.alloc(512)];
    const images = await makeV1Chain('full', [100]);
    for (const [place, layer] of layers.entries())
      images.push(
        makeV1Image(`stub ${place}`, { parent: images.at(-1)?.id, layer, diffID: digestOf(layer) }),
      );
    const { manifest, diffIDs } = await readImage(open(await start({}, images)), '1');
    const empty = digestOf(Buffer.alloc(1024));
    assert.deepEqual(diffIDs.slice(1), [empty, empty]);
    assert.deepEqual(
      manifest.layers.slice(1).map(({ digest, mediaType }) => [digest, mediaType]),
      [empty, empty].map((digest) => [digest, MEDIA_TYPE.dockerLayerTar]),
    );
  });

  it('fetches a layer once for all images and repositories of a registry', async () => {
    const registry = await start();
    registry.put('team/app:2', sibling);
    registry.put('team/other:1', chain);
    const spool = spoolOf();
    const store = open(registry, spool);
    assert.deepEqual(await namesOf(store), ['1', '2']);
    await Promise.all([
      store.resolve('1'),
      store.resolve('2'),
      open(registry, spool, 'team/other').resolve('1'),
    ]);
    assert.deepEqual(
      registry.layerRequests.map(({ id }) => id).sort(),
      [...chain, ...sibling].map(({ id }) => id).sort(),
    );
  });

  it('takes the same ID at another registry for another image', async () => {
    const [impostor] = await makeV1Chain('impostor', [50]);
    const evil = { ...(impostor ?? assert.fail()), id: base().id, json: base().json };
    const spool = spoolOf();
    const bad = await readImage(open(await start({}, [evil]), spool), '1');
    const good = await readImage(open(await start(), spool), '1');
    assert.notEqual(bad.manifest.layers[0]?.digest, good.manifest.layers[0]?.digest);
    assert.equal(good.diffIDs[0], base().diffID);
  });

  it('goes on with a layer where the connection broke', async () => {
    const registry = await start();
    registry.cutLayer(base().id, 10_000, 20_000);
    const retries: unknown[] = [];
    const onRetry: V1SpoolOptions['onRetry'] = ({ what, attempt }) => retries.push([what, attempt]);
    const { diffIDs } = await readImage(open(registry, spoolOf({ onRetry })), '1');
    assert.equal(diffIDs[0], base().diffID);
    const ranges = registry.layerRequests.filter(({ id }) => id === base().id).map(({ range }) => range);
    assert.deepEqual(ranges, [undefined, 'bytes=10000-', 'bytes=30000-']);
    const what = `the layer of v1 image ${base().id}`;
    assert.deepEqual(retries, [
      [what, 1],
      [what, 2],
    ]);
  });

  it('gives up after as many breaks as it was told, and fetches only that layer again when it is asked again', async () => {
    const registry = await start();
    registry.cutLayer(base().id, 10_000, 20_000);
    const store = open(registry, spoolOf({ retries: 1 }));
    await assert.rejects(store.resolve('1'), { code: 'CUT_SHORT' });
    assert.equal((await readImage(store, '1')).diffIDs[0], base().diffID);
    const again = registry.layerRequests.filter(({ id }) => id !== base().id);
    assert.equal(again.length, chain.length - 1);
  });

  it('refuses a layer that has none of its checksums, after one more try from the start', async () => {
    const wrong = `sha256:${'1'.repeat(64)}`;
    const checksums = [wrong, `tarsum+sha256:${'2'.repeat(64)}`];
    // Of one layer alone: the first to fail ends the others.
    const registry = await start({ checksums: ({ id }) => (id === base().id ? checksums : []) });
    await assert.rejects(open(registry).resolve('1'), {
      code: 'DIGEST_MISMATCH',
      message: new RegExp(wrong),
    });
    const asked = registry.layerRequests.filter(({ id }) => id === base().id).map(({ range }) => range);
    assert.deepEqual(asked, [undefined, undefined]);
  });

  it('reads what comes without checksums, or with tarsums only', async () => {
    for (const checksums of [[], [`tarsum+sha256:${'2'.repeat(64)}`]])
      assert.equal(
        (await readImage(open(await start({ checksums: () => checksums })), '1')).diffIDs.length,
        3,
      );
  });

  it('refuses a layer of another size than the registry says', async () => {
    const registry = await start({
      instead({ url }, response) {
        if (!url?.endsWith('/layer')) return false;
        response.end(gzipSync('short'));
        return true;
      },
    });
    await assert.rejects(open(registry).resolve('1'), { code: 'SIZE_MISMATCH' });
  });

  it('refuses an image whose ancestor is missing, before any layer is fetched', async () => {
    const registry = await start({
      instead({ url }, response) {
        const isMissing = url === `/v1/images/${base().id}/json`;
        if (isMissing) sendJSON(response, { error: 'Image not found' }, { status: 404 });
        return isMissing;
      },
    });
    await assert.rejects(open(registry).resolve('1'), {
      code: 'MISSING_CONTENT',
      message: new RegExp(`is based on ${base().id}, which is missing`),
    });
    assert.deepEqual(registry.layerRequests, []);
  });

  it('refuses images that stand on each other in a circle, or say something else than their ancestry', async () => {
    const [first, second] = await makeV1Chain('circle', [10, 10]);
    assert.ok(first !== undefined && second !== undefined);
    const circle = [makeV1Image('circle/0', { ...first, parent: second.id }), second];
    await assert.rejects(open(await start({}, circle)).resolve('1'), { code: 'INVALID_MANIFEST' });

    const liar = { ...second, json: first.json };
    await assert.rejects(open(await start({}, [first, liar])).resolve('1'), {
      code: 'INVALID_MANIFEST',
      message: /calls itself/,
    });
    const orphan = { ...makeV1Image('circle/1', { ...second, parent: undefined }), parent: first.id };
    await assert.rejects(open(await start({}, [first, orphan])).resolve('1'), {
      code: 'INVALID_MANIFEST',
      message: /has the parent none/,
    });
  });

  it('refuses layers that are no gzip although they begin as one', async () => {
    const images = await makeV1Chain('broken', [100], { pack: (tar) => gzipSync(tar).subarray(0, 60) });
    await assert.rejects(open(await start({}, images)).resolve('1'), { code: 'INVALID_ARCHIVE' });
  });

  it('keeps nothing on the disk before it is needed and when it is closed', async () => {
    const registry = await start();
    const spool = spoolOf();
    const store = open(registry, spool);
    for await (const tag of store.tags()) assert.equal(tag, '1');
    assert.deepEqual(await readdir(path()), []);
    const { manifest } = await readImage(store, '1');
    const region = await store.region?.(manifest.layers[0] ?? assert.fail());
    assert.equal(existsSync(region?.path ?? ''), true);
    await spool.close();
    assert.deepEqual(await readdir(path()), []);
  });

  it('ends what is under way when it is closed', async () => {
    let onAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    const registry = await start({
      instead({ url }) {
        if (url?.endsWith('/layer')) onAsked();
        return url?.endsWith('/layer') === true; // and never answers
      },
    });
    const spool = spoolOf();
    const refused = assert.rejects(open(registry, spool).resolve('1'), { code: 'ABORTED' });
    await asked;
    await spool.close();
    await refused;
    assert.deepEqual(await readdir(path()), []);
  });
});
