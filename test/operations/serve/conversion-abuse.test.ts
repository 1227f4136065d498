import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { createConversions } from '../../../src/operations/serve/conversion.js';
import { createMemoryStore } from '../../../src/store/memory.js';
import type { Source } from '../../../src/store/store.js';
import { gzipBomb } from '../../support/hostile/bombs.js';
import { type Content, contentOf, jsonContent, makeImage, makeIndex, pushAll } from '../../support/images.js';
import { countingFetches, overriding } from '../../support/openers.js';
import { serve } from '../../support/registry-server.js';
import { useConvertingServer } from './serving-conversions.js';

const { dockerManifest, dockerManifestList, dockerLayerGzip, dockerSchema1Signed: schema1 } = MEDIA_TYPE;

/** An image of schema1 with this layer, whose conversion has to decompress it. */
async function oldImage(layer: Content, seed = 'old'): Promise<{ old: Content; store: Source }> {
  const image = await makeImage({ seed, format: 'docker', layers: [10] });
  const document = JSON.parse(image.manifest.bytes.toString());
  const manifest = jsonContent(dockerManifest, { ...document, layers: [layer.descriptor] });
  const newer = createMemoryStore();
  await pushAll(newer, [layer, image.config, manifest]);
  const conversions = createConversions();
  const tagged = { repository: 'app', tag: '1', descriptor: manifest.descriptor };
  const made = await conversions.convert(newer, tagged, [schema1]);
  await conversions.close();
  assert.ok(made !== undefined);
  const old = { ...made, descriptor: { ...made.descriptor, size: made.bytes.byteLength } };
  const store = createMemoryStore();
  await pushAll(store, [layer, old]);
  await store.tag(old.descriptor, '1');
  return { old, store };
}

describe('conversions for a server that are made to keep it busy', () => {
  const server = useConvertingServer();
  const { warnings, restart, manifest } = server;
  const bomb = contentOf(dockerLayerGzip, gzipBomb(20));

  it('give the stored bytes of an image whose layer expands beyond the ratio, and say so once', async () => {
    const { old, store } = await oldImage(bomb);
    await restart({}, store);
    for (const _ of [1, 2]) assert.ok((await manifest('1', dockerManifest)).body.equals(old.bytes));
    assert.deepEqual(
      warnings.map((warning) => warning.replace(/sha256:\w+/, 'DIGEST')),
      [`app:1 is not served as ${dockerManifest}: DIGEST expands to more than 200 times its size`],
    );
  });

  it('give the stored bytes of an image with a layer of more bytes than may be', async () => {
    const { old, store } = await oldImage(contentOf(dockerLayerGzip, gzipBomb(3)));
    await restart({ maxLayerBytes: 2 * 1024 * 1024 }, store);
    assert.ok((await manifest('1', dockerManifest)).body.equals(old.bytes));
    assert.match(warnings.join(), /expands to more than 2097152 bytes$/);
  });

  it('are not made of an index whose manifests are together too large, and do not read them all', async () => {
    const children = await Promise.all(
      ['amd64', 'arm64', '386', 'arm', 's390x', 'ppc64le'].map(async (architecture) => {
        const image = await makeImage({ seed: architecture, platform: { os: 'linux', architecture } });
        const document = JSON.parse(image.manifest.bytes.toString());
        const annotations = { padding: 'x'.repeat(4_000_000) };
        const padded = jsonContent(image.manifest.descriptor.mediaType, { ...document, annotations });
        return { ...image, manifest: padded, all: [...image.layers, image.config, padded] };
      }),
    );
    const index = makeIndex(children);
    const store = createMemoryStore();
    await pushAll(store, index.all);
    await store.tag(index.manifest.descriptor, '1');
    const counted = countingFetches(store);
    await restart({}, counted);
    const reply = await manifest('1', dockerManifestList);
    assert.ok(reply.body.equals(index.manifest.bytes));
    assert.match(warnings.join(), /manifests and configs have more than 16777216 bytes/);
    const large = new Set<string>(children.map((child) => child.manifest.descriptor.digest));
    const read = new Set(counted.fetches.map(({ digest }) => digest).filter((digest) => large.has(digest)));
    assert.ok(read.size <= 4, `${read.size} were read`);
  });

  it('are not made of an index that names more manifests than images have, of which none is read', async () => {
    const image = await makeImage({ seed: 'wide' });
    const { descriptor } = image.manifest;
    const platform = { os: 'linux', architecture: 'amd64' };
    const index = jsonContent(MEDIA_TYPE.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.ociIndex,
      manifests: Array.from({ length: 1001 }, () => ({ ...descriptor, platform })),
    });
    const store = createMemoryStore();
    await pushAll(store, [...image.all, index]);
    await store.tag(index.descriptor, '1');
    const counted = countingFetches(store);
    await restart({}, counted);
    for (const accept of [dockerManifestList, dockerManifest, schema1])
      assert.ok((await manifest('1', accept)).body.equals(index.bytes));
    assert.ok(counted.fetches.every(({ digest }) => digest === index.descriptor.digest));
    assert.match(warnings.join(), /names more than 1000 manifests/);
  });

  /** A store whose layer comes to no end, and who reads it. */
  function stuck(store: Source, layer: Content) {
    let tell: (stream: Readable) => void = () => undefined;
    let tellOver: () => void = () => undefined;
    const reading = new Promise<Readable>((resolve) => {
      tell = resolve;
    });
    const over = new Promise<void>((resolve) => {
      tellOver = resolve;
    });
    const held = overriding(store, {
      fetch: async (...[descriptor, options]: Parameters<Source['fetch']>) => {
        if (descriptor.digest !== layer.descriptor.digest) return store.fetch(descriptor, options);
        const endless = new Readable({ read() {} });
        tell(endless);
        options?.signal?.addEventListener('abort', () => endless.destroy(new Error('aborted')));
        return endless.once('close', tellOver);
      },
    });
    return { held, reading, over };
  }

  it('stop when their client hangs up', async () => {
    const layer = contentOf(dockerLayerGzip, gzipBomb(1));
    const { store } = await oldImage(layer);
    const { held, reading, over } = stuck(store, layer);
    const { conversions } = server;
    const served = await serve({ app: held }, { conversions });
    const socket = connect(served.port, '127.0.0.1');
    socket.write(`GET /v2/app/manifests/1 HTTP/1.1\r\nHost: a\r\nAccept: ${dockerManifest}\r\n\r\n`);
    const layerStream = await reading;
    assert.equal(layerStream.destroyed, false);
    socket.resetAndDestroy();
    await over;
    assert.equal(layerStream.errored?.message, 'aborted');
    assert.equal((await served.ask('/v2/')).status, 200);
    await served.close();
  });

  it('of one client leave room for those of others, and too many that wait are refused', async () => {
    const layer = contentOf(dockerLayerGzip, gzipBomb(1));
    const { old, store } = await oldImage(layer);
    const conversions = createConversions({ maxWaiting: 3 });
    const { held } = stuck(store, layer);
    const leaving = new AbortController();
    const request = { client: 'greedy', signal: leaving.signal };
    const tagged = (tag: string) => ({ repository: `app/${tag}`, tag, descriptor: old.descriptor });
    const greedy = ['1', '2', '3', '4', '5'].map((tag) =>
      conversions.convert(held, tagged(tag), [dockerManifest], request),
    );
    for (const each of greedy) each.catch(() => undefined); // looked at below
    const { store: other, old: another } = await oldImage(contentOf(dockerLayerGzip, gzipBomb(2)), 'another');
    const made = await conversions.convert(
      other,
      { repository: 'other', tag: '1', descriptor: another.descriptor },
      [dockerManifest],
      { client: 'honest' },
    );
    assert.equal(made?.descriptor.mediaType, dockerManifest);
    await assert.rejects(conversions.convert(held, tagged('6'), [dockerManifest], request), { status: 429 });
    leaving.abort();
    for (const each of greedy) await assert.rejects(each, { name: 'AbortError' });
    await conversions.close();
  });
});
