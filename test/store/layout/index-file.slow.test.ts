import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { Descriptor } from '../../../src/content/descriptor.js';
import { digestOf } from '../../../src/content/digest.js';
import { MEDIA_TYPE } from '../../../src/content/media-types.js';
import { acquireLock } from '../../../src/disk/lock.js';
import { IndexFile } from '../../../src/store/layout/index-file.js';
import { formatLayoutIndex, MAX_INDEX_BYTES, withEntry } from '../../../src/store/layout/layout-index.js';
import { makeLayout } from '../../../src/store/layout/make-layout.js';
import { useFolder } from '../../support/temporary.js';

describe('the index file of a layout', () => {
  const path = useFolder();
  let index: IndexFile;
  beforeEach(async () => {
    await makeLayout(path('layout'));
    index = new IndexFile(path('layout'));
  });

  const entry = (seed: string): Descriptor => ({
    mediaType: MEDIA_TYPE.ociManifest,
    digest: digestOf(Buffer.from(seed)),
    size: seed.length,
  });
  const add = (name: string, to = index): Promise<void> =>
    to.change((entries) => withEntry(entries, entry(name), `reg.test/a:${name}`));
  const inode = async (): Promise<bigint> => (await stat(path('layout/index.json'), { bigint: true })).ino;

  it('gives the same entries as long as nobody writes, and new ones when somebody did', async () => {
    await add('1');
    const before = await index.read();
    assert.equal(await index.read(), before);
    const other = new IndexFile(path('layout'));
    await add('2', other);
    assert.deepEqual(
      (await index.read()).map(({ digest }) => digest),
      [entry('1').digest, entry('2').digest],
    );
    assert.equal(await index.read(), await index.read());
  });

  it('loses no change of many writers at once', async () => {
    const others = [index, new IndexFile(path('layout')), new IndexFile(path('layout'))];
    await Promise.all(Array.from({ length: 60 }, (_, name) => add(`${name}`, others[name % 3])));
    assert.equal((await new IndexFile(path('layout')).read()).length, 60);
    assert.deepEqual((await readdir(path('layout'))).sort(), ['blobs', 'index.json', 'oci-layout']);
  });

  it('writes changes that wait together as one', async () => {
    const lock = await acquireLock(path('layout/index.json'));
    const seen: number[] = [];
    const changes = Array.from({ length: 20 }, (_, name) =>
      index.change((entries) => {
        seen.push(entries.length);
        return withEntry(entries, entry(`${name}`), `reg.test/a:${name}`);
      }),
    );
    const inodes: bigint[] = [];
    const watched = changes.map(async (change) => {
      await change;
      inodes.push(await inode());
    });
    await lock.release();
    await Promise.all(watched);
    assert.deepEqual(seen, [...seen.keys()], 'each sees those before it');
    assert.equal(new Set(inodes).size, 1);
  });

  it('tells each caller of its own failure, and writes the others', async () => {
    const failing = index.change(() => {
      throw new Error('not this one');
    });
    const [failed, first, second] = await Promise.allSettled([failing, add('1'), add('2')]);
    assert.deepEqual([failed.status, first.status, second.status], ['rejected', 'fulfilled', 'fulfilled']);
    assert.equal((await index.read()).length, 2);
  });

  it('takes along what another tool wrote during a change, when a reader has seen it first', async () => {
    let isFirst = true;
    await index.change(async (entries) => {
      if (isFirst) {
        isFirst = false;
        const foreign = withEntry(entries, entry('foreign'), 'reg.test/a:foreign');
        await writeFile(path('layout/index.json'), formatLayoutIndex(foreign));
        await index.read();
      }
      return withEntry(entries, entry('own'), 'reg.test/a:own');
    });
    assert.deepEqual(
      (await index.read()).map(({ digest }) => digest),
      [entry('foreign').digest, entry('own').digest],
    );
  });

  it('does not write what changes nothing', async () => {
    await add('1');
    const before = await inode();
    await add('1');
    await index.change((entries) => [...entries]);
    assert.equal(await inode(), before);
  });

  it('takes along what a tool without our lock wrote meanwhile', async () => {
    let tries = 0;
    await index.change(async (entries) => {
      tries += 1;
      if (tries === 1)
        await writeFile(path('layout/index.json'), formatLayoutIndex(withEntry([], entry('x'), 'x')));
      return withEntry(entries, entry('1'), 'reg.test/a:1');
    });
    assert.equal(tries, 2);
    assert.equal((await new IndexFile(path('layout')).read()).length, 2);
  });

  it('lets nobody change anything between a change and what is to be done after it', async () => {
    const order: string[] = [];
    const other = new IndexFile(path('layout'));
    let adding: Promise<void> | undefined;
    await index.change(
      (entries) => withEntry(entries, entry('1'), 'reg.test/a:1'),
      async () => {
        assert.match(await readFile(path('layout/index.json'), 'utf8'), /reg\.test\/a:1/);
        adding = Promise.all([add('2', other), add('3')]).then(() => void order.push('others'));
        await stat(path('layout'));
        order.push('afterwards');
      },
    );
    await adding;
    assert.deepEqual(order, ['afterwards', 'others']);
  });

  it('rejects where the index is damaged or gone, and leaves it', async () => {
    await writeFile(path('layout/index.json'), '{"schemaVersion":2,');
    await assert.rejects(add('1'), { code: 'INVALID_LAYOUT' });
    assert.equal(await readFile(path('layout/index.json'), 'utf8'), '{"schemaVersion":2,');
    await rm(path('layout'), { recursive: true });
    await assert.rejects(add('1'), { code: 'NOT_WRITABLE' });
    await assert.rejects(index.read(), { code: 'NOT_FOUND' });
  });

  it('refuses what could not be read again, and goes on with what waited beside it', async () => {
    const huge = { ...entry('huge'), annotations: { note: 'x'.repeat(MAX_INDEX_BYTES - 300) } };
    await index.change((entries) => [...entries, huge]);
    const [refused, harmless] = await Promise.allSettled([add('1'), index.change((entries) => entries)]);
    assert.equal(refused.status === 'rejected' && refused.reason.code, 'TOO_LARGE');
    assert.equal(harmless.status, 'fulfilled');
    await index.change(() => []);
    await add('1');
    assert.equal((await new IndexFile(path('layout')).read()).length, 1);
  });
});
