import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { cleanPath, type FileView, openDirectory } from '../../src/disk/files.js';
import { needs } from '../support/needs.js';

describe('openDirectory', () => {
  let folder: string;
  let root: string;
  let view: FileView;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lading-files-'));
    root = join(folder, 'layout');
    await mkdir(join(root, 'blobs/sha256'), { recursive: true });
    await writeFile(join(root, 'index.json'), '{}');
    await writeFile(join(root, 'blobs/sha256/a'), '0123456789');
    await writeFile(join(folder, 'secret'), 'secret');
    view = openDirectory(root);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const refusesUseOf = async (path: string, message: RegExp): Promise<void> => {
    for (const use of [
      () => view.size(path),
      () => view.open(path),
      () => view.read(path, 10),
      () => view.region(path),
    ])
      await assert.rejects(use, { code: 'INVALID_LAYOUT', message });
  };

  it('lists regular files at any depth, sorted by path', async () => {
    assert.deepEqual(await view.list(), [
      { path: 'blobs/sha256/a', size: 10 },
      { path: 'index.json', size: 2 },
    ]);
  });

  it('gives size, bytes, parts and region', async () => {
    assert.equal(await view.size('blobs/sha256/a'), 10);
    assert.equal((await view.read('index.json', 2)).toString(), '{}');
    assert.equal((await buffer(await view.open('blobs/sha256/a', { start: 8 }))).toString(), '89');
    assert.equal(
      (await buffer(await view.open('blobs/sha256/a', { start: 2, length: 3 }))).toString(),
      '234',
    );
    const region = await view.region('blobs/sha256/a');
    assert.deepEqual([region?.offset, region?.size], [0, 10]);
  });

  it('says NOT_FOUND for what is missing, a directory, and a path that leads out', async () => {
    for (const path of [
      'missing',
      'blobs',
      'index.json/x',
      '../secret',
      'blobs/../../secret',
      '',
      'a\0b',
      'x'.repeat(5000),
    ]) {
      assert.equal(await view.size(path), undefined);
      assert.equal(await view.region(path), undefined);
      await assert.rejects(view.open(path), { code: 'NOT_FOUND' });
    }
    assert.equal(await openDirectory(join(folder, 'none')).size('index.json'), undefined);
    await assert.rejects(openDirectory(join(folder, 'none')).list(), { code: 'NOT_FOUND' });
  });

  it('takes an absolute path as one within the directory', async () => {
    assert.equal((await view.read('/index.json', 2)).toString(), '{}');
    assert.equal(await view.size(join(folder, 'secret')), undefined);
  });

  it('refuses to read more than is asked for into memory', async () => {
    await assert.rejects(view.read('blobs/sha256/a', 9), { code: 'TOO_LARGE' });
  });

  it('follows links that stay within the directory', async () => {
    await symlink('a', join(root, 'blobs/sha256/b'));
    await symlink(join(root, 'index.json'), join(root, 'absolute'));
    assert.equal((await view.read('blobs/sha256/b', 10)).toString(), '0123456789');
    assert.equal((await view.read('absolute', 10)).toString(), '{}');
    assert.equal((await view.list()).length, 4);
  });

  it('works in a directory that is itself reached through a link', async () => {
    await symlink(root, join(folder, 'alias'));
    assert.equal((await openDirectory(join(folder, 'alias')).read('index.json', 2)).toString(), '{}');
  });

  it('refuses links that lead out, by a file, by a directory, and to a sibling of the same beginning', async () => {
    await mkdir(`${root}-other`);
    await writeFile(`${root}-other/x`, 'x');
    await symlink('../secret', join(root, 'out'));
    await symlink(folder, join(root, 'up'));
    await symlink(`${root}-other/x`, join(root, 'sibling'));
    await refusesUseOf('out', /leads out/);
    await refusesUseOf('up/secret', /leads out/);
    await refusesUseOf('sibling', /leads out/);
    assert.equal((await view.list()).length, 2);
  });

  it('refuses a circle of links, and takes a link to nothing for nothing', async () => {
    await symlink('two', join(root, 'one'));
    await symlink('one', join(root, 'two'));
    await symlink('gone', join(root, 'dangling'));
    await refusesUseOf('one', /circle/);
    assert.equal(await view.size('dangling'), undefined);
    assert.equal((await view.list()).length, 2);
  });

  describe('of a file that it has found before', () => {
    const found = 'blobs/sha256/a';
    beforeEach(async () => {
      assert.equal(await view.size(found), 10);
      assert.equal((await view.read(found, 10)).length, 10);
    });
    const assertHas = async (path: string, bytes: string): Promise<void> => {
      assert.equal(await view.size(path), bytes.length);
      assert.equal((await view.region(path))?.size, bytes.length);
      assert.equal((await view.read(path, 100)).toString(), bytes);
      assert.equal((await buffer(await view.open(path))).toString(), bytes);
    };

    it('gives what was written to it, or put in its place, since', async () => {
      await writeFile(join(root, found), 'longer than before');
      await assertHas(found, 'longer than before');
      await writeFile(join(root, 'other'), 'of the same size..');
      await rename(join(root, 'other'), join(root, found));
      await assertHas(found, 'of the same size..');
      await rm(join(root, found));
      assert.equal(await view.size(found), undefined);
      assert.equal(await view.region(found), undefined);
      await assert.rejects(view.open(found), { code: 'NOT_FOUND' });
      await mkdir(join(root, found));
      assert.equal(await view.size(found), undefined);
    });

    it('refuses a link that leads out in its place, or in that of its folder', async () => {
      const secret = join(folder, 'secret');
      await writeFile(secret, 'secret....');
      await rm(join(root, found));
      await symlink(secret, join(root, found));
      await refusesUseOf(found, /leads out/);

      await rm(join(root, found));
      await writeFile(join(root, found), '0123456789');
      await assertHas(found, '0123456789');
      await mkdir(join(folder, 'outside'));
      await writeFile(join(folder, 'outside/a'), 'not inside');
      await rename(join(root, 'blobs/sha256'), join(root, 'blobs/moved'));
      await symlink(join(folder, 'outside'), join(root, 'blobs/sha256'));
      await refusesUseOf(found, /leads out/);
    });

    it('refuses another file with its size, time and number, by a link that leads out', async () => {
      const time = new Date('2020-01-01');
      await utimes(join(root, found), time, time);
      await assertHas(found, '0123456789');
      await rm(join(root, found));
      // Many file systems give the number of a removed file to the next one.
      await writeFile(join(folder, 'twin'), 'abcdefghij');
      await utimes(join(folder, 'twin'), time, time);
      await symlink(join(folder, 'twin'), join(root, found));
      await refusesUseOf(found, /leads out/);
    });

    it('goes on where the whole directory is moved, and a link or another one put in its place', async () => {
      await rename(root, `${root}-2`);
      assert.equal(await view.size(found), undefined);
      await symlink(`${root}-2`, root);
      await assertHas(found, '0123456789');
      await mkdir(join(`${root}-3`, 'blobs/sha256'), { recursive: true });
      await writeFile(join(`${root}-3`, found), 'another');
      await rm(root);
      await symlink(`${root}-3`, root);
      await assertHas(found, 'another');
    });
  });

  it('refuses a pipe without waiting for its other end', async function () {
    needs(this, 'mkfifo');
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await refusesUseOf('pipe', /a pipe/);
    assert.equal((await view.list()).length, 2);
  });

  it('rejects, never ends short, when a file is cut while it is read', async () => {
    await writeFile(join(root, 'large'), Buffer.alloc(2_000_000));
    const stream = await view.open('large');
    await truncate(join(root, 'large'), 1_000_000);
    await assert.rejects(buffer(stream), { code: 'IO' });
  });

  it('stops at an aborted signal, before and while reading', async () => {
    await assert.rejects(view.open('index.json', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    const controller = new AbortController();
    const stream = await view.open('index.json', { signal: controller.signal });
    controller.abort();
    await assert.rejects(buffer(stream), { name: 'AbortError' });
  });
});

describe('cleanPath', () => {
  it('cleans what names a file within, and refuses the rest', () => {
    const cases: [string, string | undefined][] = [
      ['a/b', 'a/b'],
      ['./a', 'a'],
      ['/a//b/./c/', 'a/b/c'],
      ['a..b/...', 'a..b/...'],
      ['.', ''],
      ['..', undefined],
      ['a/..', undefined],
      ['a\0', undefined],
    ];
    for (const [path, clean] of cases) assert.equal(cleanPath(path), clean, path);
  });

  it('gives the same again for what it gave', () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        const clean = cleanPath(path);
        if (clean === undefined) assert.match(path, /\.\.|\0/);
        else assert.equal(cleanPath(clean), clean);
      }),
    );
  });
});
