import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { acquireLock } from '../../src/disk/lock.js';
import { processSpace } from '../../src/disk/process-start.js';
import { needs } from '../support/needs.js';
import { MALLORY } from '../support/planting.js';
import { useFolder } from '../support/temporary.js';

const OWNER = 'store.lock/owner-00000000-0000-4000-8000-000000000000';

describe('acquireLock', () => {
  const path = useFolder();

  /** What a process that was killed leaves behind. */
  const leaveLock = async (owner: { pid: number; host: string; started?: string }): Promise<void> => {
    await mkdir(path('store.lock'));
    await writeFile(path(OWNER), JSON.stringify(owner));
  };
  const deadPID = (): number => spawnSync(process.execPath, ['--version']).pid;

  it('lets one in at a time, and leaves nothing behind', async () => {
    const lock = await acquireLock(path('store'));
    lock.assertHeld();
    await assert.rejects(acquireLock(path('store'), { waitMs: 0 }), {
      code: 'LOCKED',
      message: new RegExp(`process ${process.pid} on `),
    });
    await lock.release();
    await (await acquireLock(path('store'))).release();
    assert.deepEqual(await readdir(path()), []);
  });

  it('takes the lock of a dead process over at once', async () => {
    await leaveLock({ pid: deadPID(), host: processSpace() });
    const lock = await acquireLock(path('store'), { waitMs: 0 });
    lock.assertHeld();
    await lock.release();
    assert.deepEqual(await readdir(path()), []);
  });

  it('gives the lock of a dead process to one of many', async () => {
    await leaveLock({ pid: deadPID(), host: processSpace() });
    let holders = 0;
    const visit = async (): Promise<void> => {
      const lock = await acquireLock(path('store'));
      assert.equal(++holders, 1);
      await turn();
      lock.assertHeld();
      holders--;
      await lock.release();
    };
    await Promise.all([visit(), visit(), visit()]);
    assert.deepEqual(await readdir(path()), []);
  });

  it('takes the lock of a dead process over at once when its number was given to another', async function () {
    needs(this, 'Linux');
    for (const pid of [process.ppid, process.pid]) {
      await leaveLock({ pid, host: processSpace(), started: '1' });
      await (await acquireLock(path('store'), { waitMs: 0 })).release();
      assert.deepEqual(await readdir(path()), []);
    }
  });

  it('takes over what a process leaves that dies while it takes or gives back the lock', async () => {
    await mkdir(path('store.lock'));
    await mkdir(path('store.lock.00000000-0000-4000-8000-000000000000'));
    await (await acquireLock(path('store'), { waitMs: 0 })).release();
    assert.deepEqual(await readdir(path()), []);
  });

  it('takes a lock of another machine over when it gives no sign of life, from one of many', async () => {
    await leaveLock({ pid: 1, host: 'another.machine' });
    await utimes(path('store.lock'), 0, 0);
    let holders = 0;
    const visit = async (): Promise<void> => {
      const lock = await acquireLock(path('store'), { pollMs: 1 });
      assert.equal(++holders, 1);
      await turn();
      lock.assertHeld();
      holders--;
      await lock.release();
    };
    await Promise.all([visit(), visit(), visit()]);
    assert.deepEqual(await readdir(path()), []);
  });

  it('does not judge a process of another machine', async () => {
    await leaveLock({ pid: deadPID(), host: 'another.machine' });
    await assert.rejects(acquireLock(path('store'), { waitMs: 0 }), {
      code: 'LOCKED',
      message: /on another\.machine/,
      hint: /remove .*store\.lock/,
    });
    assert.ok(existsSync(path('store.lock')));
  });

  it('waits where nothing tells whose the lock is', async () => {
    await mkdir(path('store.lock'));
    const strange = [
      { pid: 1.5 },
      { pid: -1 },
      { pid: 2 ** 60 },
      { pid: 1, host: 'h'.repeat(301) },
      { pid: 1, host: 1 },
    ];
    const owners = strange.map((owner) => JSON.stringify({ host: processSpace(), ...owner }));
    for (const owner of ['', '{}', '{"pid":"1"', '[]', 'x'.repeat(5000), ...owners]) {
      await writeFile(path(OWNER), owner);
      await assert.rejects(acquireLock(path('store'), { waitMs: 0 }), {
        code: 'LOCKED',
        message: /another process/,
      });
    }
  });

  it('is not kept waiting by a pipe that should say whose the lock is', async function () {
    needs(this, 'mkfifo');
    await mkdir(path('store.lock'));
    execFileSync('mkfifo', [path(OWNER)]);
    await assert.rejects(acquireLock(path('store'), { waitMs: 0 }), { code: 'LOCKED' });
  });

  it("says whose it is when another user has it, or has put there what can't be taken over", async function () {
    needs(this, 'root');
    await leaveLock({ pid: 1, host: 'another.machine' });
    await chown(path('store.lock'), MALLORY, MALLORY);
    const waits: string[] = [];
    await assert.rejects(acquireLock(path('store'), { waitMs: 0, onWait: (holder) => waits.push(holder) }), {
      code: 'LOCKED',
      message: new RegExp(`process 1 on another\\.machine, of uid ${MALLORY}$`),
      hint: new RegExp(`remove .*store\\.lock, or ask uid ${MALLORY} to`),
    });
    assert.deepEqual(waits, [`process 1 on another.machine, of uid ${MALLORY}`]);
  });

  it('cannot be written to by others, whatever the umask', async function () {
    needs(this, 'file modes');
    const before = process.umask(0);
    try {
      const lock = await acquireLock(path('store'));
      const [file = ''] = await readdir(path('store.lock'));
      assert.equal((await stat(path('store.lock'))).mode & 0o777, 0o755);
      assert.equal((await stat(path(`store.lock/${file}`))).mode & 0o777, 0o644);
      await lock.release();
    } finally {
      process.umask(before);
    }
  });

  it('stops waiting when it is told to', async () => {
    const lock = await acquireLock(path('store'));
    const controller = new AbortController();
    const waiting = acquireLock(path('store'), {
      signal: controller.signal,
      onWait: () => controller.abort(),
    });
    await assert.rejects(waiting, { name: 'AbortError' });
    await lock.release();
  });

  it('notices that it was lost, and leaves the new holder alone', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const lock = await acquireLock(path('store'));
      await rm(path('store.lock'), { recursive: true });
      const isLost = (): boolean => {
        try {
          lock.assertHeld();
          return false;
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'LOCKED');
          return true;
        }
      };
      for (let rounds = 0; !isLost() && rounds < 100_000; rounds++) {
        mock.timers.tick(1000);
        await turn();
      }
      assert.ok(isLost());
      await leaveLockOfOther();
      await lock.release();
      assert.ok(existsSync(path('store.lock')));
      assert.ok(existsSync(path(OWNER)));
    } finally {
      mock.timers.reset();
    }
  });

  const leaveLockOfOther = (): Promise<void> => leaveLock({ pid: process.pid, host: 'another.machine' });
});
