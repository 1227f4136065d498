import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { openTar } from '../../src/tar/read.js';
import { tarHeader } from '../../src/tar/write.js';
import { needs } from '../support/needs.js';
import { makeTar } from '../support/tar-maker.js';
import { INVALID, text, useTars } from './opening.js';

describe('openTar reading', () => {
  const { inFolder, view, write, views } = useTars();

  it('gives size, bytes and region of each file', async () => {
    const tar = await view(
      { name: 'a', body: 'first' },
      { name: 'd/', type: '5' },
      { name: 'd/b', body: 'second' },
    );
    assert.deepEqual(await tar.list(), [
      { path: 'a', size: 5 },
      { path: 'd/b', size: 6 },
    ]);
    assert.equal(await tar.size('d/b'), 6);
    assert.equal(await text(tar, 'd/b'), 'second');
    assert.deepEqual(await tar.region('a'), { path: tar.location, offset: 512, size: 5 });
  });

  it('lists by path whatever the order in the tar', async () => {
    const tar = await view({ name: 'b' }, { name: 'a/c' }, { name: 'Z' });
    assert.deepEqual(
      (await tar.list()).map(({ path }) => path),
      ['Z', 'a/c', 'b'],
    );
  });

  it('opens a part of a file', async () => {
    const tar = await view({ name: 'a', body: '0123456789' });
    const part = await tar.open('a', { start: 3, length: 4 });
    assert.equal((await buffer(part)).toString(), '3456');
    assert.equal((await buffer(await tar.open('a', { start: 10 }))).length, 0);
    await assert.rejects(tar.open('a', { start: 11 }), RangeError);
  });

  it('opens a file larger than one read, many at once', async () => {
    const body = Buffer.alloc(1_500_000, 'lading');
    const tar = await view({ name: 'a', body: 'x' }, { name: 'b', body });
    const copies = await Promise.all(Array.from({ length: 20 }, async () => buffer(await tar.open('b'))));
    assert(copies.every((copy) => copy.equals(body)));
  });

  it('leaves the archive open when one stream is destroyed', async () => {
    const tar = await view({ name: 'a', body: Buffer.alloc(2_000_000) }, { name: 'b', body: 'still there' });
    for await (const _chunk of await tar.open('a')) break;
    assert.equal(await text(tar, 'b'), 'still there');
  });

  it('says NOT_FOUND for a missing file, a directory and a path that leads out', async () => {
    const tar = await view({ name: 'd/', type: '5' });
    for (const path of ['nothing', 'd', '../d', '']) {
      assert.equal(await tar.size(path), undefined);
      assert.equal(await tar.region(path), undefined);
      await assert.rejects(tar.open(path), { code: 'NOT_FOUND' });
    }
  });

  it('refuses to read more than is asked for into memory', async () => {
    const tar = await view({ name: 'a', body: 'four' });
    await assert.rejects(tar.read('a', 3), { code: 'TOO_LARGE' });
    assert.equal(await text(tar, './a'), 'four');
  });

  it('cleans the names of entries', async () => {
    const tar = await view(
      { name: './a', body: '1' },
      { name: '/b', body: '2' },
      { name: 'c//./d', body: '3' },
    );
    assert.deepEqual(
      (await tar.list()).map(({ path }) => path),
      ['a', 'b', 'c/d'],
    );
  });

  it('accepts the root directory as an entry', async () => {
    const tar = await view({ name: './', type: '5' }, { name: './a', body: '1' });
    assert.equal(await text(tar, 'a'), '1');
  });

  it('stops at an aborted signal', async () => {
    const path = await write(makeTar({ name: 'a', body: 'x' }));
    const reason = new Error('stop');
    await assert.rejects(openTar(path, { signal: AbortSignal.abort(reason) }), reason);
  });

  it('says what is wrong with a path that is no file', async () => {
    const folder = inFolder();
    await assert.rejects(openTar(join(folder, 'missing')), { code: 'NOT_FOUND' });
    await assert.rejects(openTar(folder), INVALID);
  });

  it('refuses a pipe without waiting for its other end', async function () {
    needs(this, 'mkfifo');
    const pipe = inFolder('pipe');
    execFileSync('mkfifo', [pipe]);
    await assert.rejects(openTar(pipe), INVALID);
  });

  it('opens an archive of many entries and 100 GB quickly, without reading bodies', async () => {
    const size = 5_000_000;
    const stride = 5_000_704; // including its header and padding
    const count = 2000;
    const path = inFolder('large.tar');
    const file = await open(path, 'w');
    for (let index = 0; index < count; index++) {
      await file.write(await tarHeader({ path: `blobs/${index}`, size }), 0, 512, index * stride);
    }
    // The last entry is a hole of more than 8 GiB.
    const last = count * stride;
    await file.write(await tarHeader({ path: 'large', size: 100e9 }), 0, 512, last);
    await file.truncate(last + 512 + 100e9);
    await file.close();
    const tar = await openTar(path);
    views.push(tar);
    assert.equal(await tar.size('blobs/1999'), size);
    assert.equal(await tar.size('large'), 100e9);
    const end = await tar.open('large', { start: 100e9 - 3 });
    assert.deepEqual(await buffer(end), Buffer.alloc(3));
  });
});
