import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { link, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { mock } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FileInTurns } from '../../src/disk/file-in-turns.js';
import { nameOfProcess } from '../../src/disk/process-start.js';
import { needs } from '../support/needs.js';
import { useFolder } from '../support/temporary.js';

describe('a file that processes write to in turns', () => {
  const path = useFolder();
  const fileIn = (name = 'file'): FileInTurns => new FileInTurns(path(name), '.upload');
  /** A file that had its last turn here. */
  const made = async (): Promise<FileInTurns> => {
    const file = fileIn();
    await writeFile(file.ownPath, 'content');
    return file;
  };
  /** What a process leaves that is killed during a turn. */
  const leave = async (holder: { pid?: number; started?: string; machine?: string }): Promise<string> => {
    const [pid, started, machine] = (await nameOfProcess()).split('-');
    const owner = [holder.pid ?? pid, holder.started ?? started, holder.machine ?? machine].join('-');
    const left = path(`file.01234567.${owner}.upload`);
    await writeFile(left, 'content');
    return left;
  };
  const deadPID = (): number => spawnSync(process.execPath, ['--version']).pid;
  const LOCKED = { code: 'LOCKED' };
  const GONE = { code: 'ENOENT' };

  it('lets one in at a time, and says to whom nobody came between', async () => {
    const [first, second] = [await made(), fileIn()];
    const turn = await first.take();
    assert.equal(turn.isNext, true);
    assert.equal(await readFile(turn.path, 'utf8'), 'content');
    await assert.rejects(second.take(), LOCKED);
    turn.assertHeld();
    await turn.end();

    for (const [file, isNext] of [
      [first, true],
      [second, false],
      [second, true],
      [first, false],
      [first, true],
    ] as const) {
      const next = await file.take();
      assert.equal(next.isNext, isNext);
      await next.end();
    }
    assert.equal((await readdir(path())).length, 1);
  });

  it('lets one in of many who want it at once', async () => {
    const files = [await made(), ...Array.from({ length: 7 }, () => fileIn())];
    const turns = await Promise.allSettled(files.map((file) => file.take()));
    const held = turns.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value] : []));
    assert.equal(held.length, 1);
    for (const turn of turns) if (turn.status === 'rejected') assert.equal(turn.reason.code, 'LOCKED');
    await held[0]?.end();
  });

  it('is seen by others, whoever has it', async () => {
    const [first, second] = [await made(), fileIn()];
    assert.equal((await second.look())?.size, 7);
    const turn = await first.take();
    assert.equal((await second.look())?.size, 7);
    await turn.end();
    assert.equal((await second.look())?.size, 7);
    await rm(first.ownPath);
    for (const file of [first, second]) {
      assert.equal(await file.look(), undefined);
      await assert.rejects(file.take(), GONE);
    }
    assert.equal(await fileIn('none/file').look(), undefined);
  });

  it('goes to the next, and to one of many, when its holder was killed', async function () {
    needs(this, 'Linux');
    for (const holder of [{ pid: deadPID() }, { started: '1' }]) {
      const left = await leave(holder);
      const turns = await Promise.allSettled([1, 2, 3, 4].map(() => fileIn().take()));
      const held = turns.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value] : []));
      assert.deepEqual(
        held.map(({ isNext }) => isNext),
        [false],
      );
      await assert.rejects(readFile(left), GONE);
      await held[0]?.end();
      assert.equal((await readdir(path())).length, 1);
      await rm(path((await readdir(path()))[0] ?? ''));
    }
  });

  it('stays with a holder on another machine until that gives no sign of life', async () => {
    const left = await leave({ machine: '00000000' });
    const before = new Date(Date.now() - 3600_000); // nothing was sent for an hour, but the turn was taken just now
    await utimes(left, before, before);
    await assert.rejects(fileIn().take(), LOCKED);
    const { now } = Date;
    mock.method(Date, 'now', () => now.call(Date) + 31_000);
    try {
      await (await fileIn().take()).end();
    } finally {
      mock.restoreAll();
    }
  });

  it('stays with another writer of this very process', async () => {
    await leave({});
    await assert.rejects(fileIn().take(), LOCKED);
  });

  it('is not to be written to after a turn that was lost, or may have been', async () => {
    const file = await made();
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const turn = await file.take();
      mock.timers.tick(10_000);
      turn.assertHeld();
      await rename(turn.path, path('taken'));
      mock.timers.tick(10_000);
      for (let waited = 0; waited < 100; waited++) await delay(1);
      assert.throws(() => turn.assertHeld(), LOCKED);
      await turn.end();
      assert.deepEqual(await readdir(path()), ['taken']);
    } finally {
      mock.timers.reset();
    }
    const other = await made();
    const turn = await other.take();
    const { now } = Date;
    mock.method(Date, 'now', () => now.call(Date) + 30_000);
    try {
      assert.throws(() => turn.assertHeld(), LOCKED);
    } finally {
      mock.restoreAll();
    }
    await turn.end();
  });

  it('is gone on with after a turn that could not be ended', async () => {
    const file = await made();
    await file.take();
    const again = await file.take();
    assert.equal(again.isNext, false);
    await again.end();
    assert.equal((await file.take()).isNext, true);
  });

  it('is left alone by the end of a turn in which it was removed, or got another name', async () => {
    const file = await made();
    const turn = await file.take();
    await rename(turn.path, path('blob'));
    await turn.end();
    assert.deepEqual(await readdir(path()), ['blob']);
    await assert.rejects(file.take(), GONE);
  });

  it('is never what somebody else may have put there', async () => {
    await writeFile(path('victim'), 'precious');
    await symlink('victim', path('file.01234567.upload'));
    await symlink('nothing', path('file.89abcdef.upload'));
    assert.equal(await fileIn().look(), undefined);
    await assert.rejects(fileIn().take(), GONE);
    await link(path('victim'), path('file.00000000.upload'));
    await assert.rejects(fileIn().take(), { message: /several names/ });
    for (const name of ['file.upload', 'file.0123.upload', 'file.01234567', 'files.01234567.upload'])
      await writeFile(path(name), '');
    await rm(path('file.00000000.upload'));
    await assert.rejects(fileIn().take(), GONE);
    assert.equal(await readFile(path('victim'), 'utf8'), 'precious');
    assert.equal((await readdir(path())).length, 7);
  });
});
