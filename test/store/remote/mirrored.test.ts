import assert from 'node:assert/strict';
import { retrying } from '../../../src/retry.js';
import { readContent } from '../../../src/store/read-content.js';
import { createRemoteSource } from '../../../src/store/remote/remote-source.js';
import { has } from '../../../src/store/store.js';
import { collect } from '../../registry/http-server.js';
import { answering, refusal } from '../../support/answer-table.js';
import { makeCosignSignature, makeImage, pushAll } from '../../support/images.js';
import { REPOSITORY, useRemoteStores } from './pushing.js';

const { startRegistry, connect, open } = useRemoteStores();
const MANIFEST = /^GET .*\/manifests\//;
const BLOB = /^GET .*\/blobs\//;

/** An image in a registry, and a mirror that has other bytes in its place. */
async function startDamaged(asked: RegExp, damage: (bytes: Buffer) => Buffer | string) {
  const image = await makeImage({ seed: 'image' });
  const { manifest, layers } = image;
  const stored = asked === BLOB ? layers[0]?.bytes : manifest.bytes;
  assert.ok(stored !== undefined);
  const headers = { 'content-type': manifest.descriptor.mediaType };
  const [mirror, registry] = await Promise.all([
    startRegistry({ refuse: answering([asked, { status: 200, headers, body: damage(stored) }]) }),
    startRegistry(),
  ]);
  for (const { repository } of [mirror, registry]) {
    const store = repository(REPOSITORY);
    await pushAll(store, image.all);
    await store.tag(manifest.descriptor, '1');
  }
  const client = connect({ mirrors: { [registry.host]: [mirror.host] } });
  const source = createRemoteSource(client, { registry: registry.host, repository: REPOSITORY });
  return { image, mirror, registry, source };
}

const damages: [what: string, damage: (bytes: Buffer) => Buffer | string][] = [
  ['damaged', (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from('!')])],
  ['cut', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['longer', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])],
  ['a web page', () => '<!DOCTYPE html><title>Log in</title>'],
  ['empty', () => ''],
  ['other JSON', () => '{"message":"no such thing"}'],
];

describe('content that a mirror has spoiled', () => {
  for (const [what, damage] of damages) {
    it(`comes from the registry: a manifest that is ${what}`, async () => {
      const { image, source, registry } = await startDamaged(MANIFEST, damage);
      const { digest } = image.manifest.descriptor;
      assert.equal((await source.resolve(digest)).digest, digest);
      assert.ok((await readContent(source, image.manifest.descriptor)).equals(image.manifest.bytes));
      assert.equal(registry.requests.length, 1);
    });

    // Of a tag, a mirror without digests may have another manifest than the registry: only what is none is seen.
    if (what !== 'longer')
      it(`comes from the registry: a tag whose manifest is ${what}`, async () => {
        const { image, source } = await startDamaged(MANIFEST, damage);
        assert.equal((await source.resolve('1')).digest, image.manifest.descriptor.digest);
      });

    it(`comes from the registry: a blob that is ${what}`, async () => {
      const { image, source, registry, mirror } = await startDamaged(BLOB, damage);
      const [layer] = image.layers;
      assert.ok(layer !== undefined);
      const read = () => readContent(source, layer.descriptor);
      const retries: unknown[] = [];
      const onEvent = (event: unknown): void => void retries.push(event);
      const isFast = { retries: 1, onEvent };
      assert.ok((await retrying('layer', read, isFast)).equals(layer.bytes));
      assert.equal(mirror.requests.filter((line) => line.includes('/blobs/')).length, 1);
      assert.equal(registry.requests.filter((line) => line.includes('/blobs/')).length, 1);
    });
  }

  it('is asked of the mirror again where the registry is out of reach', async () => {
    const { image, mirror, registry } = await startDamaged(/^none$/, (bytes) => bytes);
    await registry.close();
    const client = connect({ mirrors: { [registry.host]: [mirror.host] } });
    const source = createRemoteSource(client, { registry: registry.host, repository: REPOSITORY });
    const [layer] = image.layers;
    assert.ok(layer !== undefined);
    for (let time = 0; time < 2; time++)
      assert.ok((await readContent(source, layer.descriptor)).equals(layer.bytes));
  });
});

describe('what is attached to an image of a registry with a mirror that has it from earlier', () => {
  const kinds: [what: string, ...rows: Parameters<typeof answering>][] = [
    ['both answer'],
    ['the registry does not list tags', [/^GET .*\/tags\/list/, refusal(403)]],
    ['the registry has no referrers API', [/^GET .*\/referrers\//, refusal(404)]],
  ];
  for (const [what, ...rows] of kinds) {
    it(`is what the registry has, nothing less: ${what}`, async () => {
      const image = await makeImage({ seed: 'image' });
      const [old, signature] = ['old', 'new'].map((seed) =>
        makeCosignSignature(image.manifest.descriptor, seed),
      );
      assert.ok(old !== undefined && signature !== undefined);
      const mirror = await startRegistry();
      const registry = await startRegistry({ refuse: answering(...rows) });
      for (const [{ repository }, attached] of [[mirror, old] as const, [registry, signature] as const]) {
        const store = repository(REPOSITORY);
        await pushAll(store, [...image.all, ...attached.all]);
        await store.tag(image.manifest.descriptor, '1');
        await store.tag(attached.manifest.descriptor, attached.tag);
      }
      const client = connect({ mirrors: { [registry.host]: [mirror.host] } });
      const source = createRemoteSource(client, { registry: registry.host, repository: REPOSITORY });
      const referrers = await collect(source.referrers(await source.resolve('1')));
      assert.deepEqual(
        referrers.map(({ descriptor }) => descriptor.digest),
        [signature.manifest.descriptor.digest],
      );
    });
  }
});

describe('what is pushed to a registry that has mirrors', () => {
  it('is asked of the registry only: what its mirror has need not be there', async () => {
    const image = await makeImage({ seed: 'image' });
    const [mirror, registry] = [await startRegistry(), await startRegistry()];
    await pushAll(mirror.repository(REPOSITORY), image.all);
    await mirror.repository(REPOSITORY).tag(image.manifest.descriptor, '1');
    const { createRemoteStore } = await import('../../../src/store/remote/remote.js');
    const client = connect({ mirrors: { [registry.host]: [mirror.host] } });
    const store = createRemoteStore(client, { registry: registry.host, repository: REPOSITORY });
    for (const { descriptor } of image.all) assert.equal(await has(store, descriptor), false);
    await assert.rejects(store.resolve('1'), { code: 'NOT_FOUND' });
    assert.deepEqual(mirror.requests, []);
  });
});

describe('what a registry says of content by HEAD', () => {
  const kinds: [what: string, headers: (digest: string, size: number) => Record<string, string>][] = [
    ['no length', (digest) => ({ 'docker-content-digest': digest })],
    ['a length of 0', (digest) => ({ 'docker-content-digest': digest, 'content-length': '0' })],
    [
      'the length of a compressed answer',
      (digest) => ({ 'docker-content-digest': digest, 'content-length': '99' }),
    ],
    ['no digest', (_, size) => ({ 'content-length': String(size) })],
    [
      'another digest',
      (_, size) => ({ 'docker-content-digest': `sha256:${'0'.repeat(64)}`, 'content-length': String(size) }),
    ],
  ];
  for (const [what, headersOf] of kinds) {
    it(`does not count more than that it is there: ${what}`, async () => {
      const image = await makeImage({ seed: 'image' });
      const [layer] = image.layers;
      assert.ok(layer !== undefined);
      const contents = [image.manifest, layer];
      const registry = await startRegistry({
        refuse: answering([
          /^HEAD /,
          ({ url }) => {
            const asked = contents.find(({ descriptor }) => url?.endsWith(descriptor.digest));
            if (asked === undefined) return refusal(404);
            const { mediaType, digest, size } = asked.descriptor;
            return { status: 200, headers: { 'content-type': mediaType, ...headersOf(digest, size) } };
          },
        ]),
      });
      await pushAll(registry.repository(REPOSITORY), image.all);
      const store = open(registry.host);
      for (const { descriptor } of contents) assert.equal(await has(store, descriptor), true);
    });
  }

  it('is looked into where another digest is what is there', async () => {
    const [image, other] = [await makeImage({ seed: 'image' }), await makeImage({ seed: 'other' })];
    const { mediaType } = image.manifest.descriptor;
    const answer = { status: 200, headers: { 'content-type': mediaType }, body: other.manifest.bytes };
    const registry = await startRegistry({ refuse: answering([/manifests/, answer]) });
    assert.equal(await has(open(registry.host), image.manifest.descriptor), false);
  });
});
