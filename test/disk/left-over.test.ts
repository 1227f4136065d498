import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Descriptor } from '../../src/content/descriptor.js';
import { LadingError } from '../../src/errors.js';
import { openArchiveForWriting } from '../../src/store/archive/archive-writer.js';
import { openDockerArchiveForWriting } from '../../src/store/archive/docker-archive-writer.js';
import { openLayoutForWriting } from '../../src/store/layout/layout.js';
import { has, type Store } from '../../src/store/store.js';
import { type Content, makeImage } from '../support/images.js';
import { useFolder } from '../support/temporary.js';

describe('a run that wrote nothing', () => {
  const path = useFolder();
  let layer: Content;
  before(async () => {
    const { layers } = await makeImage({ seed: 'a', layers: [200_000] });
    const [first] = layers;
    assert.ok(first);
    layer = first;
  });

  const WRITERS: Record<string, () => Promise<Store>> = {
    'an archive': () => openArchiveForWriting(path('out.tar'), { format: 'universal' }),
    'a docker-archive': () => openDockerArchiveForWriting(path('out.tar')),
    'a layout': () => openLayoutForWriting(path('out')),
  };
  const refused = async (): Promise<never> => {
    throw new LadingError('UNREACHABLE', 'the registry does not answer');
  };

  for (const [what, open] of Object.entries(WRITERS)) {
    it(`leaves nothing of ${what}: no file of 0 bytes, no journal, no lock, no directory`, async () => {
      const ways: ((store: Store) => Promise<unknown>)[] = [
        async () => undefined,
        async (store) => store.prepare?.([{ ...layer.descriptor, size: Number.MAX_SAFE_INTEGER }]),
        async (store) => {
          await store.prepare?.([layer.descriptor]);
          await store.push(layer.descriptor, refused);
        },
      ];
      for (const way of ways) {
        const store = await open();
        await way(store).catch((error: unknown) => assert.ok(error instanceof LadingError));
        await store.close();
        assert.deepEqual(await readdir(path()), [], what);
      }
    });
  }

  it('leaves what a later run can go on from, when it wrote something', async () => {
    for (const open of [WRITERS['an archive'], WRITERS['a layout']]) {
      const store = await open?.();
      await store?.prepare?.([layer.descriptor]);
      await assert.rejects(async () => store?.push(layer.descriptor, cutShort(layer)));
      await store?.close();
    }
    assert.deepEqual((await readdir(path())).sort(), ['out', 'out.tar.part', 'out.tar.part.journal']);
    assert.equal((await readdir(path('out/ingest'))).length, 1);
  });

  it('leaves a directory that was there before, empty or a layout', async () => {
    await mkdir(path('out'));
    await (await openLayoutForWriting(path('out'))).close();
    assert.deepEqual(await readdir(path()), ['out']);
    await (await openLayoutForWriting(path('out'))).close();
    assert.ok((await readdir(path('out'))).includes('oci-layout'));
  });

  it('leaves a layout to another writer that waits for it', async () => {
    const first = await openLayoutForWriting(path('out'));
    const waiting = openLayoutForWriting(path('out'), { pollMs: 1 });
    await first.close();
    const second = await waiting;
    await second.push(layer.descriptor, (options) => open(layer, options?.start));
    await second.commit?.();
    await second.close();
    const third = await openLayoutForWriting(path('out'));
    assert.equal(await has(third, layer.descriptor), true);
    await third.close();
  });
});

async function open({ bytes }: Content, start = 0): Promise<Readable> {
  return Readable.from([bytes.subarray(start)], { objectMode: false });
}

function cutShort({ bytes }: { descriptor: Descriptor; bytes: Buffer }): () => Promise<Readable> {
  return async () => Readable.from([bytes.subarray(0, bytes.length / 2)], { objectMode: false });
}
