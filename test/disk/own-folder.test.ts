import assert from 'node:assert/strict';
import { existsSync, renameSync, symlinkSync, watch } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import {
  hasFolderIn,
  isOwnFolder,
  makeFolder,
  makeFolderIn,
  removeOwnFolder,
} from '../../src/disk/own-folder.js';
import { needs } from '../support/needs.js';
import { useFolder } from '../support/temporary.js';

describe('a folder in a folder that others may write to', () => {
  const path = useFolder();
  beforeEach(async () => {
    await mkdir(path('layout'));
    await mkdir(path('elsewhere'));
    await writeFile(path('elsewhere/notes'), 'precious');
  });

  it('is made with those above it, by many at once', async () => {
    await Promise.all([1, 2, 3, 4].map(() => makeFolderIn(path('layout'), 'a/b/c')));
    assert.deepEqual(await readdir(path('layout/a/b')), ['c']);
    assert.equal(await hasFolderIn(path('layout'), 'a/b/c'), true);
    assert.equal(await hasFolderIn(path('layout'), 'a/x'), false);
    await makeFolder(path('deep/er/still'));
    assert.ok((await lstat(path('deep/er/still'))).isDirectory());
  });

  it('is not made by way of a link that leads out, nor in the place of a file', async () => {
    await symlink('../elsewhere', path('layout/out'));
    await symlink('nowhere', path('layout/dangling'));
    await symlink('circle', path('layout/circle'));
    await writeFile(path('layout/file'), '');
    for (const name of ['out', 'dangling', 'circle', 'file']) {
      for (const use of [makeFolderIn, hasFolderIn])
        await assert.rejects(use(path('layout'), `${name}/sha256`), {
          code: 'INVALID_LAYOUT',
          message: new RegExp(`layout/${name} is a (?:symbolic link|file), not a folder in `),
        });
    }
    assert.deepEqual(await readdir(path('elsewhere')), ['notes']);
  });

  it('may be a link to a folder beside it, as for readers', async () => {
    await mkdir(path('layout/store'));
    await symlink('store', path('layout/blobs'));
    await symlink('layout', path('alias'));
    await makeFolderIn(path('alias'), 'blobs/sha256');
    assert.deepEqual(await readdir(path('layout/store')), ['sha256']);
  });

  it('cannot be made where the system makes none, and that is said at once', async function () {
    needs(this, 'Linux');
    await assert.rejects(makeFolder('/proc/lading/a/b'), { code: 'ENOENT' });
  });

  it("is this user's alone when nobody else may enter it", async function () {
    needs(this, 'file modes');
    await mkdir(path('own'), 0o700);
    assert.equal(await isOwnFolder(path('own')), true);
    await chmod(path('own'), 0o750);
    assert.equal(await isOwnFolder(path('own')), false);
    await symlink('own', path('link'));
    assert.equal(await isOwnFolder(path('link')), false);
    assert.deepEqual(
      (await readdir(path())).filter((name) => name.startsWith('.lading')),
      [],
    );
  });

  it('is removed with what is in it, but not by way of a link', async () => {
    await makeFolderIn(path('layout'), 'a/b');
    await symlink('../../elsewhere', path('layout/a/link'));
    await removeOwnFolder(path('layout'));
    await removeOwnFolder(path('layout'));
    await symlink('elsewhere', path('link'));
    await assert.rejects(removeOwnFolder(path('link')));
    assert.equal(await readFile(path('elsewhere/notes'), 'utf8'), 'precious');
  });

  it('is removed, and nothing elsewhere, when a link takes its place meanwhile', async function () {
    needs(this, 'Linux');
    const names = Array.from({ length: 200 }, (_, number) => `blob-${number}`);
    for (const folder of ['layout', 'elsewhere'])
      for (const name of names) await writeFile(path(`${folder}/${name}`), '');
    let isSwapped = false;
    const watcher = watch(path('layout'), () => {
      if (isSwapped || existsSync(path('layout/blob-0'))) return;
      isSwapped = true;
      renameSync(path('layout'), path('moved'));
      symlinkSync('elsewhere', path('layout'));
    });
    try {
      await assert.rejects(removeOwnFolder(path('layout')), { code: 'ENOTDIR' });
    } finally {
      watcher.close();
    }
    assert.ok(isSwapped);
    assert.equal((await readdir(path('elsewhere'))).length, names.length + 1);
    assert.deepEqual(await readdir(path('moved')), []);
  });
});
