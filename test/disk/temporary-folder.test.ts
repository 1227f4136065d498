import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { diskError } from '../../src/disk/disk.js';
import { makeTemporaryFolder } from '../../src/disk/temporary-folder.js';
import type { LadingError } from '../../src/errors.js';
import { needs } from '../support/needs.js';
import { useFolder } from '../support/temporary.js';

describe('a temporary folder', () => {
  const path = useFolder();

  /** What a process leaves that is killed: a folder with something in it, under the name of its owner. */
  async function leave(owner: { pid?: number; started?: string; machine?: string } = {}): Promise<string> {
    const own = await makeTemporaryFolder(path());
    const [, pid, started, machine, rest] = basename(own.path).split('-');
    const left = join(
      path(),
      `.lading-${owner.pid ?? pid}-${owner.started ?? started}-${owner.machine ?? machine}-${rest}`,
    );
    await rename(own.path, left);
    await mkdir(join(left, 'layout'));
    await writeFile(join(left, 'layout', 'blob'), 'half of it');
    return left;
  }
  const removeLeft = async (): Promise<void> => (await makeTemporaryFolder(path())).remove();
  const deadPID = (): number => spawnSync(process.execPath, ['--version']).pid;

  it('is gone when it was removed, with what is in it', async () => {
    const folder = await makeTemporaryFolder(path());
    await writeFile(join(folder.path, 'archive.tar'), '');
    await folder.remove();
    assert.deepEqual(await readdir(path()), []);
  });

  it('is told with the variable that names another place, where it cannot be made or filled', async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = path('gone');
    try {
      await assert.rejects(makeTemporaryFolder(), { code: 'NOT_WRITABLE', hint: /TMPDIR/ });
      const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
      const told = (...parts: string[]) => (diskError(full, path(...parts)) as LadingError).hint;
      assert.match(told('gone/.lading-1-2-3-abcdef/input.tar') ?? '', /^Make room .* TMPDIR/);
      // One beside the output, which resumes.
      assert.match(told('output/.lading-1-2-3-abcdef/layer') ?? '', /resumes/);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });

  it('is removed by the next one when its process was killed', async () => {
    await leave({ pid: deadPID() });
    const { path: next } = await makeTemporaryFolder(path());
    assert.deepEqual(await readdir(path()), [basename(next)]);
  });

  it('is gone on with, where that is asked for, when its process was killed', async () => {
    await leave({ pid: deadPID() });
    const adopted = await makeTemporaryFolder(path(), { adopts: true });
    assert.deepEqual(await readdir(path()), [basename(adopted.path)]);
    assert.deepEqual(await readdir(join(adopted.path, 'layout')), ['blob']);
    const next = await makeTemporaryFolder(path(), { adopts: true });
    assert.notEqual(next.path, adopted.path, 'it lives again');
    assert.deepEqual(await readdir(next.path), []);
    await Promise.all([adopted.remove(), next.remove()]);
  });

  it('is gone on with by one of many', async () => {
    await leave({ pid: deadPID() });
    const made = await Promise.all([1, 2, 3, 4].map(() => makeTemporaryFolder(path(), { adopts: true })));
    const held = await Promise.all(made.map((folder) => readdir(folder.path)));
    assert.deepEqual(held.flat(), ['layout']);
  });

  it('is removed when the number of its process was given to another', async function () {
    needs(this, 'Linux');
    await leave({ pid: process.ppid, started: '1' });
    await leave({ started: '1' });
    await removeLeft();
    assert.deepEqual(await readdir(path()), []);
  });

  it('stays while its process lives', async () => {
    const left = [await leave(), await leave({ pid: process.ppid, started: '' })];
    await removeLeft();
    assert.deepEqual((await readdir(path())).sort(), left.map((folder) => basename(folder)).sort());
  });

  it('stays when it is of another machine, whose processes have numbers of their own', async () => {
    const left = await leave({ pid: deadPID(), machine: '01234567' });
    await removeLeft();
    assert.deepEqual(await readdir(path()), [basename(left)]);
  });

  it('stays when others may write into it: they could lead its removal elsewhere', async function () {
    needs(this, 'file modes');
    const left = await leave({ pid: deadPID() });
    await chmod(left, 0o777);
    await removeLeft();
    assert.deepEqual(await readdir(path()), [basename(left)]);
  });

  it('is no link, and no file, of such a name', async () => {
    const left = await leave({ pid: deadPID() });
    const target = join(path(), 'precious');
    await rename(left, target);
    await symlink(target, left);
    await writeFile(left.replace(/.{6}$/, '000000'), '');
    await removeLeft();
    assert.equal((await readdir(path())).length, 3);
    assert.deepEqual(await readdir(target), ['layout']);
  });

  it('needs a place', async () => {
    await assert.rejects(makeTemporaryFolder(path('nowhere')), { code: 'NOT_WRITABLE' });
  });
});
