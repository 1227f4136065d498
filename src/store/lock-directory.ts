import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import fs from 'fs-extra';
import lockfile from 'proper-lockfile';
import { LadingError, systemCode } from '../errors.js';
import { diskError } from './disk.js';
import type { Lock } from './lock.js';
import { isGone, processSpace, startOfProcess } from './process-start.js';

// proper-lockfile loads signal-exit, by which SIGXFSZ would end the process unless somebody else listens; Node.js itself
// ignores it. A write beyond the limit (`ulimit -f`) then fails with EFBIG, like any other write that fails.
if (process.platform !== 'win32') process.on('SIGXFSZ', () => undefined);

/** A lock without a sign of life for so long is nobody's; it matters only for holders on other machines. */
const STALE_MS = 30_000;
const OWNER_FILE = /^owner-[0-9a-f-]{36}$/;

/** Who holds a lock, as a file in its directory says. */
export interface Owner {
  /** The name of the file, which no other holder ever has. */
  file: string;
  pid: number;
  host: string;
  /** Tells the process from a later one with the same number; not known on every system. */
  started?: string | undefined;
}

/**
 * Takes the lock, when nobody has it. It is a directory with its owner's file, and appears with it by one rename:
 * no lock is ever without a name, at whatever moment its process dies. An empty directory is nobody's.
 */
export async function tryLock(path: string, lockPath: string): Promise<Lock | undefined> {
  const ownerFile = `owner-${randomUUID()}`;
  let lost: Error | undefined;
  let isHeld = false;
  let unlock: () => Promise<void>;
  const remove = (directory: string): Promise<void> =>
    isHeld ? removeUnlessTaken(directory) : removeStale(directory);
  try {
    unlock = await lockfile.lock(path, {
      lockfilePath: lockPath,
      realpath: false,
      stale: STALE_MS,
      onCompromised: (error) => {
        lost = error;
      },
      fs: {
        ...fs,
        mkdir: (directory: string, done: Done) => settle(makeOwned(directory, ownerFile), done),
        rmdir: (directory: string, done: Done) => settle(remove(directory), done),
        // When the process exits with the lock in its hands.
        rmdirSync(directory: string) {
          fs.rmSync(join(directory, ownerFile));
          fs.rmdirSync(directory);
        },
      },
    });
  } catch (error) {
    if (systemCode(error) === 'ELOCKED') return undefined;
    throw diskError(error, path);
  }
  isHeld = true;
  await removeClaims(lockPath);
  return {
    assertHeld() {
      if (lost !== undefined)
        throw new LadingError('LOCKED', `the lock of ${path} was lost to another process`, { cause: lost });
    },
    async release() {
      if (lost !== undefined) return;
      await fs.rm(join(lockPath, ownerFile), { force: true });
      await unlock();
    },
  };
}

/** Undefined where nothing tells whose the lock is. */
export async function readOwner(lockPath: string): Promise<Owner | undefined> {
  const file = (await namesIn(lockPath)).find((name) => OWNER_FILE.test(name));
  if (file === undefined) return undefined;
  const owner: unknown = await fs
    .readJson(join(lockPath, file), { throws: false })
    .catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    });
  if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('host' in owner))
    return undefined;
  const { pid, host } = owner;
  const started = 'started' in owner && typeof owner.started === 'string' ? owner.started : undefined;
  return typeof pid === 'number' && typeof host === 'string' ? { file, pid, host, started } : undefined;
}

/** Whether the process is certainly gone: one of another machine or container never is. */
export async function isDead({ pid, host, started }: Owner): Promise<boolean> {
  return host === processSpace() && (await isGone(pid, started));
}

/** Leaves an empty directory. Whoever else holds the lock by now has a file of another name. */
export async function breakLock(lockPath: string, { file }: Owner): Promise<void> {
  await fs.rm(join(lockPath, file), { force: true });
}

type Done = (error: unknown) => void;

function settle(work: Promise<void>, done: Done): void {
  work.then(() => done(null), done);
}

/** Rejects with `EEXIST` when somebody has it, as `mkdir` does. */
async function makeOwned(lockPath: string, ownerFile: string): Promise<void> {
  if ((await namesIn(lockPath)).length > 0) throw taken();
  const claim = `${lockPath}.${randomUUID()}`;
  await fs.mkdir(claim); // fails where no file can be made: nobody holds the lock then
  try {
    const owner = { pid: process.pid, host: processSpace(), started: await startOfProcess(process.pid) };
    await fs.writeJson(join(claim, ownerFile), owner);
    await fs.rename(claim, lockPath);
  } catch (error) {
    await fs.remove(claim);
    if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw taken();
    // A holder has tidied the claim away.
    if (systemCode(error) === 'ENOENT' && (await fs.pathExists(dirname(lockPath)))) throw taken();
    throw error;
  }
}

function taken(): Error {
  return Object.assign(new Error('the lock is held'), { code: 'EEXIST' });
}

async function removeUnlessTaken(lockPath: string): Promise<void> {
  try {
    await fs.rmdir(lockPath);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) throw error;
  }
}

/** Of a holder who gives no sign of life, looked at once more: since then another one may have come. */
async function removeStale(lockPath: string): Promise<void> {
  const { mtimeMs } = await fs.stat(lockPath);
  if (Date.now() - mtimeMs < STALE_MS) throw Object.assign(taken(), { code: 'ELOCKED' });
  for (const name of await namesIn(lockPath)) await fs.rm(join(lockPath, name), { force: true });
  await removeUnlessTaken(lockPath);
}

/** What processes leave that die while they make theirs. One that lives tries again. */
async function removeClaims(lockPath: string): Promise<void> {
  const prefix = `${basename(lockPath)}.`;
  for (const name of await namesIn(dirname(lockPath))) {
    if (name.startsWith(prefix) && name.length === prefix.length + 36)
      await fs.remove(join(dirname(lockPath), name));
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
