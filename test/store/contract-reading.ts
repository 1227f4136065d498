import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type Descriptor, plainDescriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { parseManifest } from '../../src/manifest/manifest.js';
import { readContent } from '../../src/store/read-content.js';
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
import { readAll } from '../support/openers.js';
import { signedSchema1 } from '../support/signed-schema1.js';

/**
 * What a store can hold: `images` are single ones, whose manifests it makes itself, without indexes or attachments;
 * `one manifest` is there by its digest alone.
 */
export type Holds = 'everything' | 'images' | 'one manifest';

/** What a store to read from is known to hold. */
export interface Held {
  /** What each name stands for. */
  named: Record<string, Content>;
  /** Manifests that are found by their digest alone: the child of an index. */
  nameless: Content[];
  blob: Content;
  /** A manifest that others are attached to. */
  subject: Content;
  attached: { digest: string; artifactType?: string; tag?: string }[];
}

export interface Reading {
  store: Source;
  held: Held;
  close(): Promise<void>;
}

export const ABSENT: Descriptor = contentOf(MEDIA_TYPE.ociLayerGzip, Buffer.from('in no store')).descriptor;

/** The half of the contract that every store has. */
export function describeReading(holds: Holds, open: () => Promise<Reading>): void {
  describe('to read from', () => {
    let held: Held;
    let store: Source;
    let close: (() => Promise<void>) | undefined;
    before(async () => {
      ({ store, held, close } = await open());
    });
    after(() => close?.());

    const manifests = (): Content[] => [...Object.values(held.named), ...held.nameless];

    it('resolves a name, and the digest of any manifest, with a name or without', async () => {
      for (const [name, { descriptor }] of Object.entries(held.named))
        assert.deepEqual(plainDescriptor(await store.resolve(name)), descriptor, name);
      for (const { descriptor } of manifests())
        assert.deepEqual(plainDescriptor(await store.resolve(descriptor.digest)), descriptor);
    });

    it('rejects with NOT_FOUND what it does not hold, and what is no manifest', async () => {
      await assert.rejects(store.resolve('missing'), { code: 'NOT_FOUND' });
      await assert.rejects(store.resolve(ABSENT.digest), { code: 'NOT_FOUND' });
      if (holds !== 'one manifest')
        await assert.rejects(store.resolve(held.blob.descriptor.digest), { code: 'NOT_FOUND' });
      assert.equal(await store.sizeOf(ABSENT), undefined);
      assert.equal(await store.sizeOf({ digest: ABSENT.digest }), undefined);
      await assert.rejects(async () => readAll(store, ABSENT), { code: 'NOT_FOUND' });
    });

    it('tells the size of a blob of which only the digest is known', async () => {
      const { digest, size } = held.blob.descriptor;
      assert.equal(await store.sizeOf({ digest }), size);
    });

    it('has content by digest and size', async () => {
      for (const { descriptor } of [held.blob, ...manifests()])
        assert.equal(await has(store, descriptor), true, descriptor.digest);
      assert.equal(await has(store, ABSENT), false);
      const { descriptor } = held.blob;
      assert.equal(await has(store, { ...descriptor, size: descriptor.size + 1 }), false);
    });

    it('gives the bytes from any of them on', async () => {
      for (const { descriptor, bytes } of [held.blob, held.subject]) {
        for (const start of [0, 1, bytes.length - 1, bytes.length]) {
          const rest = await readAll(store, descriptor, { start });
          assert.ok(rest.equals(bytes.subarray(start)), `from byte ${start}`);
        }
      }
    });

    it('gives no fewer bytes than it is asked for', async () => {
      const { descriptor, bytes } = held.blob;
      const part = await readAll(store, descriptor, { start: 3, length: 5 });
      assert.ok(part.length >= 5 && part.equals(bytes.subarray(3, 3 + part.length)));
    });

    it('answers many at once', async () => {
      const wanted = [held.blob, ...manifests()].flatMap((content) => [content, content]);
      const received = await Promise.all(wanted.map(({ descriptor }) => readAll(store, descriptor)));
      for (const [place, { bytes, descriptor }] of wanted.entries())
        assert.ok(received[place]?.equals(bytes), descriptor.digest);
    });

    it('lists the names it was given, and what they stand for', async () => {
      const names: Record<string, Descriptor> = {};
      for await (const { name, descriptor } of store.names()) {
        assert.ok(!Object.hasOwn(names, name), `${name} comes once`);
        names[name] = plainDescriptor(descriptor);
      }
      const expected = Object.entries(held.named).map(([name, { descriptor }]) => [name, descriptor]);
      assert.deepEqual(names, Object.fromEntries(expected));
    });

    it('finds what is attached to a manifest, by its subject and by cosign’s tag, each once', async () => {
      assert.equal(held.attached.length > 0, holds === 'everything');
      const found = await referrersOf(store, held.subject.descriptor);
      assert.deepEqual(found.map(({ descriptor }) => descriptor.digest).sort(), digestsOf(held.attached));
      for (const { digest, artifactType, tag } of held.attached) {
        const referrer = found.find(({ descriptor }) => descriptor.digest === digest);
        assert.equal(referrer?.descriptor.artifactType, artifactType);
        assert.equal(referrer?.tag, tag);
      }
      assert.deepEqual(await referrersOf(store, ABSENT), []);
      for (const { descriptor } of held.nameless) assert.deepEqual(await referrersOf(store, descriptor), []);
    });

    if (holds === 'everything') {
      it('keeps a signed schema1 manifest byte for byte, under the digest of its payload', async () => {
        const { descriptor, bytes } = signedSchema1();
        assert.notEqual(digestOf(bytes), descriptor.digest);
        assert.deepEqual(plainDescriptor(await store.resolve('legacy')), descriptor);
        assert.equal(await has(store, descriptor), true);
        assert.ok((await readAll(store, descriptor)).equals(bytes));
      });
    }

    it('tells where bytes lie on the disk only if they lie there', async () => {
      const region = await store.region?.(held.blob.descriptor);
      assert.equal(await store.region?.(ABSENT), undefined);
      if (region === undefined) return;
      assert.equal(store.isLocal, true);
      const file = readFileSync(region.path).subarray(region.offset, region.offset + region.size);
      assert.ok(file.equals(held.blob.bytes));
    });
  });
}

/** Fills a store with all that there is: an index, an image, a note and a signature on the index, and a schema1 manifest. */
export async function fillWithEverything(store: Store): Promise<Held> {
  const amd64 = await makeImage({ seed: 'amd64' });
  const arm64 = await makeImage({ seed: 'arm64', platform: { os: 'linux', architecture: 'arm64' } });
  const single = await makeImage({ seed: 'single', format: 'docker' });
  const index = makeIndex([amd64, arm64]);
  const note = makeReferrer(index.manifest.descriptor, { artifactType: 'text/x-note', payload: 'a note' });
  const signature = makeCosignSignature(index.manifest.descriptor);
  const schema1 = signedSchema1();
  const named = {
    multi: index.manifest,
    single: single.manifest,
    [signature.tag]: signature.manifest,
    legacy: schema1,
  };
  const all = [...index.all, ...single.all, ...note.all, ...signature.all, schema1];
  await store.prepare?.(unique(all));
  await pushAll(store, all);
  for (const [name, { descriptor }] of Object.entries(named)) await store.tag(descriptor, name);
  const [blob] = amd64.layers;
  assert.ok(blob !== undefined);
  return {
    named,
    nameless: [arm64.manifest],
    blob,
    subject: index.manifest,
    attached: [
      { digest: note.manifest.descriptor.digest, artifactType: 'text/x-note' },
      { digest: signature.manifest.descriptor.digest, tag: signature.tag },
    ],
  };
}

/** What a store holds that makes the manifests of its images itself: they are right when their layers are these. */
export async function heldImages(store: Source, images: Record<string, Buffer[]>): Promise<Held> {
  const named: Record<string, Content> = {};
  for (const [name, layers] of Object.entries(images)) {
    const { mediaType, digest, size } = await store.resolve(name);
    const descriptor = { mediaType, digest, size };
    const bytes = await readContent(store, descriptor);
    const manifest = parseManifest(bytes, descriptor);
    assert.ok('layers' in manifest);
    assert.deepEqual(
      manifest.layers.map((layer) => layer.digest),
      layers.map((layer) => digestOf(layer)),
    );
    named[name] = { descriptor, bytes };
  }
  const [subject] = Object.values(named);
  const [[bytes] = []] = Object.values(images);
  assert.ok(subject !== undefined && bytes !== undefined);
  const { layers } = parseManifest(subject.bytes, subject.descriptor) as { layers: Descriptor[] };
  const [layer] = layers;
  assert.ok(layer !== undefined);
  return { named, nameless: [], blob: { descriptor: plainDescriptor(layer), bytes }, subject, attached: [] };
}

export async function referrersOf(store: Source, subject: Descriptor): Promise<Referrer[]> {
  const referrers: Referrer[] = [];
  for await (const referrer of store.referrers(subject)) referrers.push(referrer);
  return referrers;
}

function unique(contents: readonly Content[]): Descriptor[] {
  return [...new Map(contents.map(({ descriptor }) => [descriptor.digest, descriptor])).values()];
}

function digestsOf(attached: Held['attached']): string[] {
  return attached.map(({ digest }) => digest).sort();
}
