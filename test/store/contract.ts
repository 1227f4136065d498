import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { type Descriptor, plainDescriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { has, type Referrer, type Source, type Store } from '../../src/store/store.js';
import {
  type Content,
  contentOf,
  makeCosignSignature,
  makeImage,
  makeIndex,
  makeReferrer,
  pushAll,
} from '../support/images.js';
import { breakingOpener, openerOf, readAll } from '../support/openers.js';
import { signedSchema1 } from '../support/signed-schema1.js';

/** An empty store that is open for writing. */
export interface Opened {
  store: Store;
  /** Finishes what was written and opens it again to read, where that is another store. */
  reopen?: () => Promise<Source>;
}

const ABSENT = descriptorOf(MEDIA_TYPE.ociLayerGzip, Buffer.from('in no store'));
const BLOB = contentOf(MEDIA_TYPE.ociLayerGzip, Buffer.from('0123456789'));

/** What every store keeps to, whoever it is. */
export function describeStore(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    describeWriting(open);
    describeReading(async (fill) => {
      const { store, reopen } = await open();
      await fill(store);
      if (reopen === undefined) return { store, close: () => store.close() };
      const reader = await reopen();
      return { store: reader, close: () => reader.close() };
    });
  });
}

/** The half of the contract that a store to read from has; `open` gives one that holds what `fill` pushed. */
export function describeReading(
  open: (fill: (store: Store) => Promise<void>) => Promise<{ store: Source; close: () => Promise<void> }>,
): void {
  describe('to read from', () => {
    let made: Made;
    let store: Source;
    let close: () => Promise<void>;
    before(async () => {
      made = await make();
      ({ store, close } = await open((target) => fill(target, made)));
    });
    after(() => close());

    it('resolves a tag and the digest of any manifest, the child of an index included', async () => {
      const { index, child, single } = made;
      assert.deepEqual(plainDescriptor(await store.resolve('multi')), index.descriptor);
      assert.deepEqual(plainDescriptor(await store.resolve('single')), single.descriptor);
      for (const manifest of [index, child, single]) {
        const { digest } = manifest.descriptor;
        assert.deepEqual(plainDescriptor(await store.resolve(digest)), manifest.descriptor);
      }
    });

    it('rejects with NOT_FOUND what it does not hold, and what is no manifest', async () => {
      await assert.rejects(store.resolve('missing'), { code: 'NOT_FOUND' });
      await assert.rejects(store.resolve(ABSENT.digest), { code: 'NOT_FOUND' });
      await assert.rejects(store.resolve(made.layer.descriptor.digest), { code: 'NOT_FOUND' });
      assert.equal(await store.sizeOf({ digest: ABSENT.digest }), undefined);
      await assert.rejects(async () => readAll(store, ABSENT), { code: 'NOT_FOUND' });
    });

    it('tells the size of a blob of which only the digest is known', async () => {
      const { digest, size } = made.layer.descriptor;
      assert.equal(await store.sizeOf({ digest }), size);
    });

    it('has content by digest and size', async () => {
      for (const { descriptor } of [made.index, made.child, made.layer]) {
        assert.equal(await has(store, descriptor), true);
      }
      assert.equal(await has(store, ABSENT), false);
      const { descriptor } = made.layer;
      assert.equal(await has(store, { ...descriptor, size: descriptor.size + 1 }), false);
    });

    it('gives the bytes from any of them on', async () => {
      for (const { descriptor, bytes } of [made.layer, made.index]) {
        for (const start of [0, 1, bytes.length - 1, bytes.length]) {
          const rest = await readAll(store, descriptor, { start });
          assert.ok(rest.equals(bytes.subarray(start)), `from byte ${start}`);
        }
      }
    });

    it('lists the names it was given', async () => {
      const names: string[] = [];
      for await (const { name } of store.names()) names.push(name);
      assert.deepEqual(names.sort(), ['legacy', 'multi', made.cosignTag, 'single'].sort());
    });

    it('finds what is attached to a manifest, by its subject and by cosign’s tag, each once', async () => {
      const found = await referrersOf(store, made.index.descriptor);
      const byDigest = new Map(found.map((referrer) => [referrer.descriptor.digest, referrer]));
      assert.equal(byDigest.size, found.length);
      assert.deepEqual(
        [...byDigest.keys()].sort(),
        [made.note.descriptor.digest, made.signature.descriptor.digest].sort(),
      );
      assert.equal(byDigest.get(made.note.descriptor.digest)?.descriptor.artifactType, 'text/x-note');
      assert.equal(byDigest.get(made.signature.descriptor.digest)?.tag, made.cosignTag);
      assert.deepEqual(await referrersOf(store, made.single.descriptor), []);
    });

    it('keeps a signed schema1 manifest byte for byte, under the digest of its payload', async () => {
      const { descriptor, bytes } = made.schema1;
      assert.notEqual(digestOf(bytes), descriptor.digest);
      assert.deepEqual(plainDescriptor(await store.resolve('legacy')), descriptor);
      assert.equal(await has(store, descriptor), true);
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });

    it('tells where bytes lie on the disk only if they lie there', async () => {
      const region = await store.region?.(made.layer.descriptor);
      if (region === undefined) return;
      const file = readFileSync(region.path).subarray(region.offset, region.offset + region.size);
      assert.ok(file.equals(made.layer.bytes));
      assert.equal(await store.region?.(ABSENT), undefined);
    });
  });
}

function describeWriting(open: () => Promise<Opened>): void {
  describe('to write to', () => {
    let store: Store;
    beforeEach(async () => {
      ({ store } = await open());
    });
    afterEach(() => store.close());

    const isVisible = async (descriptor: Descriptor): Promise<boolean> => {
      if (await has(store, descriptor)) return true;
      assert.equal(await store.sizeOf({ digest: descriptor.digest }), undefined);
      await assert.rejects(async () => readAll(store, descriptor), { code: 'NOT_FOUND' });
      return false;
    };

    it('refuses a blob that is not what its descriptor says, and takes it when it is', async () => {
      const { descriptor, bytes } = BLOB;
      const wrong: [code: string, bytes: Buffer][] = [
        ['DIGEST_MISMATCH', Buffer.from('012345678X')],
        ['CUT_SHORT', bytes.subarray(0, 9)],
        ['SIZE_MISMATCH', Buffer.concat([bytes, Buffer.from('x')])],
      ];
      for (const [code, content] of wrong) {
        const push = store.push(descriptor, async ({ start = 0 } = {}) =>
          Readable.from([content.subarray(start)]),
        );
        await assert.rejects(push, { code });
        assert.equal(await isVisible(descriptor), false, code);
      }
      await store.push(descriptor, openerOf(bytes));
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });

    it('refuses a manifest that is not what its descriptor says', async () => {
      const { manifest } = await makeImage({ seed: 'refused' });
      const { descriptor, bytes } = manifest;
      const wrong: [code: string, bytes: Buffer][] = [
        ['DIGEST_MISMATCH', Buffer.from(bytes.toString().replace('2', '3'))],
        ['CUT_SHORT', bytes.subarray(1)],
        ['SIZE_MISMATCH', Buffer.concat([bytes, Buffer.from('\n')])],
      ];
      for (const [code, content] of wrong) {
        await assert.rejects(store.push(descriptor, openerOf(content)), { code });
        assert.equal(await has(store, descriptor), false, code);
        await assert.rejects(store.tag(descriptor, 'refused'), { code: 'NOT_FOUND' });
      }
      await assert.rejects(store.resolve(descriptor.digest), { code: 'NOT_FOUND' });
    });

    it('refuses a document that is no manifest though its descriptor says so', async () => {
      const { descriptor, bytes } = contentOf(MEDIA_TYPE.ociManifest, Buffer.from('<html>proxy</html>'));
      await assert.rejects(store.push(descriptor, openerOf(bytes)), { code: 'INVALID_MANIFEST' });
      await assert.rejects(store.resolve(descriptor.digest), { code: 'NOT_FOUND' });
    });

    it('takes content of no bytes', async () => {
      const { descriptor, bytes } = contentOf('text/plain', Buffer.alloc(0));
      await store.push(descriptor, openerOf(bytes));
      assert.equal(await has(store, descriptor), true);
      assert.equal((await readAll(store, descriptor)).length, 0);
    });

    it('does not ask again for what it holds', async () => {
      const { descriptor, bytes } = BLOB;
      const opener = openerOf(bytes);
      await store.push(descriptor, opener);
      await store.push(descriptor, opener);
      assert.deepEqual(opener.starts, [0]);
    });

    it('takes content that breaks off on a later try', async () => {
      const { descriptor, bytes } = BLOB;
      const opener = breakingOpener(bytes, 4);
      await assert.rejects(store.push(descriptor, opener), { code: 'CUT_SHORT' });
      assert.equal(await isVisible(descriptor), false);
      await store.push(descriptor, opener);
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });

    it('takes many pushes of one content at once', async () => {
      const { descriptor, bytes } = contentOf('text/plain', Buffer.alloc(3_000_000, 'lading'));
      await Promise.all([1, 2, 3, 4].map(() => store.push(descriptor, openerOf(bytes))));
      assert.ok((await readAll(store, descriptor)).equals(bytes));
    });

    it('counts an attached manifest once, however often it is pushed at once', async () => {
      const image = await makeImage({ seed: 'subject' });
      const note = makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'x' });
      await pushAll(store, [...image.all, ...note.all.slice(0, -1)]);
      const { descriptor, bytes } = note.manifest;
      await Promise.all([1, 2].map(() => store.push(descriptor, openerOf(bytes))));
      assert.equal((await referrersOf(store, image.manifest.descriptor)).length, 1);
    });

    it('names only what it holds', async () => {
      await assert.rejects(store.tag({ ...ABSENT, mediaType: MEDIA_TYPE.ociManifest }, 'x'), {
        code: 'NOT_FOUND',
      });
      await assert.rejects(store.resolve('x'), { code: 'NOT_FOUND' });
    });

    it('moves a name to its new holder', async () => {
      const [first, second] = [await makeImage({ seed: 1 }), await makeImage({ seed: 2 })];
      await pushAll(store, [...first.all, ...second.all]);
      await store.tag(first.manifest.descriptor, 'moving');
      await store.tag(first.manifest.descriptor, 'staying');
      await store.tag(second.manifest.descriptor, 'moving');
      assert.equal((await store.resolve('moving')).digest, second.manifest.descriptor.digest);
      assert.equal((await store.resolve('staying')).digest, first.manifest.descriptor.digest);
      const names: string[] = [];
      for await (const { name } of store.names()) names.push(name);
      assert.deepEqual(names.sort(), ['moving', 'staying']);
    });

    it('rejects when it is told to stop, and keeps nothing visible', async () => {
      const { descriptor, bytes } = BLOB;
      const stopped = AbortSignal.abort(new Error('stop'));
      await assert.rejects(store.push(descriptor, openerOf(bytes), { signal: stopped }), { message: 'stop' });
      assert.equal(await isVisible(descriptor), false);
    });

    it('tells of every byte that it takes', async () => {
      const { descriptor, bytes } = BLOB;
      let told = 0;
      await store.push(descriptor, openerOf(bytes), {
        onBytes: (count) => {
          told += count;
        },
      });
      assert.equal(told, bytes.length);
    });
  });
}

interface Made {
  index: Content;
  child: Content;
  layer: Content;
  single: Content;
  note: Content;
  signature: Content;
  cosignTag: string;
  schema1: Content;
  all: Content[];
}

/** An index, an image, a note and a signature on the index, and a schema1 manifest. */
async function make(): Promise<Made> {
  const amd64 = await makeImage({ seed: 'amd64' });
  const arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  const single = await makeImage({ seed: 'single', format: 'docker' });
  const index = makeIndex([amd64, arm64]);
  const note = makeReferrer(index.manifest.descriptor, { artifactType: 'text/x-note', payload: 'a note' });
  const signature = makeCosignSignature(index.manifest.descriptor);
  const schema1 = signedSchema1();
  const [layer] = amd64.layers;
  assert.ok(layer !== undefined);
  return {
    index: index.manifest,
    child: arm64.manifest,
    layer,
    single: single.manifest,
    note: note.manifest,
    signature: signature.manifest,
    cosignTag: signature.tag,
    schema1,
    all: [...index.all, ...single.all, ...note.all, ...signature.all, schema1],
  };
}

async function fill(store: Store, made: Made): Promise<void> {
  await store.prepare?.(unique(made.all));
  await pushAll(store, made.all);
  await store.tag(made.index.descriptor, 'multi');
  await store.tag(made.single.descriptor, 'single');
  await store.tag(made.signature.descriptor, made.cosignTag);
  await store.tag(made.schema1.descriptor, 'legacy');
}

function unique(contents: readonly Content[]): Descriptor[] {
  return [...new Map(contents.map(({ descriptor }) => [descriptor.digest, descriptor])).values()];
}

async function referrersOf(store: Source, subject: Descriptor): Promise<Referrer[]> {
  const referrers: Referrer[] = [];
  for await (const referrer of store.referrers(subject)) referrers.push(referrer);
  return referrers;
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor {
  return contentOf(mediaType, bytes).descriptor;
}
