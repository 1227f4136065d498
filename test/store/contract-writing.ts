import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { Descriptor } from '../../src/content/descriptor.js';
import { MEDIA_TYPE } from '../../src/content/media-types.js';
import { has, type Store } from '../../src/store/store.js';
import {
  type Content,
  contentOf,
  makeImage,
  makeReferrer,
  pushAll,
  randomBytesFrom,
} from '../support/images.js';
import { breakingOpener, openerOf, readAll } from '../support/openers.js';
import { ABSENT, type Holds, referrersOf } from './contract-reading.js';

/** What a store that is written to can do besides. */
export interface Writing {
  /** What can be read back from it before it is finished; `documents` are manifests. */
  readsBack: 'everything' | 'documents';
  /** Whether content that was refused can come again, or be left out: not where bytes are on their way out already. */
  takesBack: boolean;
}

/** Content can be read as soon as it was pushed, and what was refused can come again. */
export const AS_A_PLACE: Writing = { readsBack: 'everything', takesBack: true };
/** Layers are written as others read them: they cannot be given back as they came. */
export const LAYERS_CHANGED: Writing = { readsBack: 'documents', takesBack: true };
/** What was written is on its way to the next program. */
export const ON_ITS_WAY: Writing = { readsBack: 'documents', takesBack: false };

const BLOB = contentOf(MEDIA_TYPE.ociLayerGzip, Buffer.from('0123456789'));

/** The half of the contract that a store has that is written to; `open` gives an empty one. */
export function describeWriting(holds: Holds, writing: Writing, open: () => Promise<Store>): void {
  describe('to write to', () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const isVisible = async (descriptor: Descriptor): Promise<boolean> => {
      if (await has(store, descriptor)) return true;
      assert.equal(await store.sizeOf({ digest: descriptor.digest }), undefined);
      await assert.rejects(async () => readAll(store, descriptor), { code: 'NOT_FOUND' });
      return false;
    };
    /** That a blob is there, and can be read where it can be. */
    const assertKept = async ({ descriptor, bytes }: Content): Promise<void> => {
      assert.equal(await has(store, descriptor), true);
      assert.equal(await store.sizeOf({ digest: descriptor.digest }), descriptor.size);
      assert.equal(await has(store, { ...descriptor, size: descriptor.size + 1 }), false);
      if (writing.readsBack === 'everything') assert.ok((await readAll(store, descriptor)).equals(bytes));
      else await assert.rejects(async () => readAll(store, descriptor), { code: 'UNSUPPORTED' });
    };

    for (const [code, spoil] of [
      ['DIGEST_MISMATCH', () => Buffer.from('012345678X')],
      ['CUT_SHORT', (bytes: Buffer) => bytes.subarray(0, 9)],
      ['SIZE_MISMATCH', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
    ] as const) {
      it(`refuses a blob that is not what its descriptor says: ${code}`, async () => {
        const { descriptor, bytes } = BLOB;
        const push = store.push(descriptor, async ({ start = 0 } = {}) =>
          Readable.from([spoil(bytes).subarray(start)]),
        );
        // Where the wrong bytes are on their way out, that is what is told: the archive is spoilt.
        const expected = writing.takesBack || code === 'CUT_SHORT' ? code : 'INVALID_ARCHIVE';
        await assert.rejects(push, { code: expected });
        assert.equal(await isVisible(descriptor), false);
        if (!writing.takesBack) return;
        await store.push(descriptor, openerOf(bytes));
        await assertKept(BLOB);
      });
    }

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
      const empty = contentOf('text/plain', Buffer.alloc(0));
      await store.push(empty.descriptor, openerOf(empty.bytes));
      await assertKept(empty);
    });

    it('does not ask again for what it holds', async () => {
      const { manifest, config, layers } = await makeImage({ seed: 'once' });
      for (const { descriptor, bytes } of [BLOB, ...layers, config, manifest]) {
        const opener = openerOf(bytes);
        await store.push(descriptor, opener);
        await store.push(descriptor, opener);
        assert.deepEqual(opener.starts, [0], descriptor.mediaType);
      }
    });

    it('takes content that breaks off on a later try', async () => {
      const { descriptor, bytes } = BLOB;
      const opener = breakingOpener(bytes, 4);
      await assert.rejects(store.push(descriptor, opener), { code: 'CUT_SHORT' });
      assert.equal(await isVisible(descriptor), false);
      await store.push(descriptor, opener);
      await assertKept(BLOB);
    });

    it('takes many pushes of one content at once', async () => {
      const content = contentOf('text/plain', Buffer.alloc(3_000_000, 'lading'));
      const opener = openerOf(content.bytes);
      await Promise.all([1, 2, 3, 4].map(() => store.push(content.descriptor, opener)));
      await assertKept(content);
    });

    it('takes many contents at once that nobody announced', async () => {
      const contents = [1, 2, 3, 4].map((seed) => contentOf('text/plain', randomBytesFrom(seed, 1_500_000)));
      await Promise.all(contents.map(({ descriptor, bytes }) => store.push(descriptor, openerOf(bytes))));
      for (const content of contents) await assertKept(content);
    });

    if (writing.takesBack) {
      it('does not wait for what was announced and is abandoned', async () => {
        const [first, second] = [BLOB, contentOf('text/plain', Buffer.from('the second'))];
        await store.prepare?.([first.descriptor, second.descriptor]);
        const pushed = store.push(second.descriptor, openerOf(second.bytes));
        store.abandon?.(first.descriptor);
        await pushed;
        await assertKept(second);
        assert.equal(await isVisible(first.descriptor), false);
      });
    }

    if (holds === 'everything') {
      it('counts an attached manifest once, however often it is pushed at once', async () => {
        const image = await makeImage({ seed: 'subject' });
        const note = makeReferrer(image.manifest.descriptor, { artifactType: 'text/x-note', payload: 'x' });
        await pushAll(store, [...image.all, ...note.all.slice(0, -1)]);
        const { descriptor, bytes } = note.manifest;
        await Promise.all([1, 2].map(() => store.push(descriptor, openerOf(bytes))));
        assert.equal((await referrersOf(store, image.manifest.descriptor)).length, 1);
      });
    }

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
      const { manifest, config, layers } = await makeImage({ seed: 'told' });
      for (const { descriptor, bytes } of [BLOB, ...layers, config, manifest]) {
        let told = 0;
        await store.push(descriptor, openerOf(bytes), {
          onBytes: (count) => {
            told += count;
          },
        });
        assert.equal(told, bytes.length, descriptor.mediaType);
      }
    });
  });
}
