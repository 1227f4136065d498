import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { constants, lstat, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fs from 'fs-extra';
import lockfile from 'proper-lockfile';
import { LadingError, systemCode } from '../errors.js';
import { diskError, unlessRefused } from './disk.js';
import { CAREFUL, describeKind, ifThere } from './own-file.js';
import { isGone, processSpace, startOfProcess } from './process-start.js';
import { describeUser, thisUser } from './users.js';

// proper-lockfile loads signal-exit, by which SIGXFSZ would end the process unless somebody else listens; Node.js itself
// ignores it. A write beyond the limit (`ulimit -f`) then fails with EFBIG, like any other write that fails.
if (process.platform !== 'win32') process.on('SIGXFSZ', () => undefined);

/** A lock without a sign of life for so long is nobody's; it matters only for holders on other machines. */
const STALE_MS = 30_000;
const OWNER_FILE = /^owner-[0-9a-f-]{36}$/;
/** A file that was removed while somebody had it open. (Linux NFS client, "silly rename") */
const NFS_LEFT = '.nfs';
/** A pid, a host name and a number are shorter. */
const MAX_OWNER_BYTES = 4096;
const MAX_HOST_LENGTH = 300;
/** Others may see who holds the lock; that they could write into it would be theirs to misuse. */
const LOCK_MODE = 0o755;

const DEFAULT_POLL_MS = 100;
const DEFAULT_WAIT_MS = 600_000;

export interface Lock {
  /** Throws `LOCKED` when another process took the lock away, because this one stood still for too long. */
  assertHeld(): void;
  release(): Promise<void>;
}

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** How long to wait for another writer; default ten minutes. */
  waitMs?: number | undefined;
  /** How often to look whether it has ended; default every 100 ms. */
  pollMs?: number | undefined;
  /** Told once, when there is somebody to wait for. */
  onWait?: ((holder: string) => void) | undefined;
}

/**
 * Makes this process the only writer of what `path` stands for. A lock whose process died on this machine is
 * taken over at once, one of another machine when it stops giving signs of life; else rejects with `LOCKED`, which
 * names the user when the lock is another one's.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { signal, waitMs = DEFAULT_WAIT_MS, pollMs = DEFAULT_POLL_MS, onWait } = options;
  const lockPath = `${path}.lock`;
  const deadline = Date.now() + waitMs;
  for (let waited = false; ; waited = true) {
    const lock = await tryLock(path, lockPath);
    if (lock !== undefined) return lock;
    const owner = await readOwner(lockPath);
    if (owner !== undefined && (await isDead(owner))) {
      await breakLock(lockPath, owner);
      continue;
    }
    if (!waited || Date.now() >= deadline) {
      const user = await otherUser(lockPath);
      const task = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
      const holder = user === undefined ? task : `${task}, of ${user}`;
      if (!waited) onWait?.(holder);
      if (Date.now() >= deadline) {
        throw new LadingError('LOCKED', `${path} is being written by ${holder}`, {
          hint: `Wait for it to end. If it is gone for good, remove ${lockPath}${user === undefined ? '' : `, or ask ${user} to`}.`,
        });
      }
    }
    await delay(pollMs, undefined, { signal });
  }
}

/**
 * Who holds a lock: the process, as a file in its directory says, and the user whose directory it is, which only the
 * system can say. Of another user's lock, the process is that user's claim.
 */
interface Owner {
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
async function tryLock(path: string, lockPath: string): Promise<Lock | undefined> {
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
        // Its own folder, and never what a link leads to that was put in its place.
        stat: fs.lstat,
        utimes: fs.lutimes,
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
  await unlessRefused(() => removeClaims(lockPath));
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

/** Undefined where nothing tells which process has the lock. */
async function readOwner(lockPath: string): Promise<Owner | undefined> {
  const file = (await unlessRefused(() => namesIn(lockPath)))?.find((name) => OWNER_FILE.test(name));
  if (file === undefined) return undefined;
  const owner = parseJSON(await unlessRefused(() => readSmallFile(join(lockPath, file))));
  if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('host' in owner))
    return undefined;
  const { pid, host } = owner;
  const started = 'started' in owner && typeof owner.started === 'string' ? owner.started : undefined;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (typeof host !== 'string' || host.length > MAX_HOST_LENGTH) return undefined;
  return { file, pid, host, started };
}

/** Another user whose lock it is, as messages name one; undefined for this one's. */
async function otherUser(lockPath: string): Promise<string | undefined> {
  const found = await unlessRefused(() => lstat(lockPath));
  if (found === undefined || found.uid === (thisUser() ?? found.uid)) return undefined;
  return describeUser(found.uid);
}

/** Whether the process is certainly gone: one of another machine or container never is. */
async function isDead({ pid, host, started }: Owner): Promise<boolean> {
  return host === processSpace() && (await isGone(pid, started));
}

/**
 * Leaves an empty directory. Whoever else holds the lock by now has a file of another name. Rejects with `LOCKED` where
 * it is another user's, who alone may change it.
 */
async function breakLock(lockPath: string, { file }: Owner): Promise<void> {
  await removeOwners(lockPath, [file]);
}

/** Takes away a lock, or a claim, that its process has left. Rejects as `breakLock` does. */
export async function removeLock(lockPath: string): Promise<void> {
  await removeOwners(lockPath, await ofOther(lockPath, () => namesIn(lockPath)));
  await removeUnlessTaken(lockPath);
}

/** Nothing else that lies there, or where a link leads, is lading's to remove. */
async function removeOwners(lockPath: string, names: readonly string[]): Promise<void> {
  for (const name of names.filter((each) => OWNER_FILE.test(each)))
    await ofOther(lockPath, () => fs.rm(join(lockPath, name), { force: true }));
}

async function ofOther<T>(lockPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isRefused(error) ? await heldByOther(lockPath, error) : error;
  }
}

function isRefused(error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(systemCode(error) ?? '');
}

/** What is nobody's any more, or never was a lock, and stands in the way all the same. */
async function heldByOther(lockPath: string, cause?: unknown): Promise<LadingError> {
  const user = await otherUser(lockPath);
  const whose = user === undefined ? '' : ` of ${user}`;
  return new LadingError(
    'LOCKED',
    `${lockPath} is a lock${whose} that no process holds, and it cannot be removed`,
    {
      cause,
      hint: `${user === undefined ? 'Remove it' : `Ask ${user} to remove it`}, or choose another place.`,
    },
  );
}

type Done = (error: unknown) => void;

function settle(work: Promise<void>, done: Done): void {
  work.then(() => done(null), done);
}

/** Rejects with `EEXIST` when somebody has it, as `mkdir` does. */
async function makeOwned(lockPath: string, ownerFile: string): Promise<void> {
  if (await isTaken(lockPath)) throw taken();
  const claim = `${lockPath}.${randomUUID()}`;
  await fs.mkdir(claim, LOCK_MODE); // fails where no file can be made: nobody holds the lock then
  try {
    const owner = { pid: process.pid, host: processSpace(), started: await startOfProcess(process.pid) };
    await fs.writeFile(join(claim, ownerFile), `${JSON.stringify(owner)}\n`, { flag: 'wx', mode: 0o644 });
    await fs.rename(claim, lockPath);
  } catch (error) {
    await unlessRefused(() => removeLock(claim));
    if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw taken();
    // A holder has tidied the claim away.
    if (systemCode(error) === 'ENOENT' && (await fs.pathExists(dirname(lockPath)))) throw taken();
    // A link that leads nowhere, or what is another user's where each removes only their own. (chmod(2), S_ISVTX)
    const found = await unlessRefused(() => lstat(lockPath));
    if (found !== undefined) await requireDirectory(lockPath, found);
    if (found !== undefined && isRefused(error)) throw await heldByOther(lockPath, error);
    throw error;
  }
}

/** One that this user may not look into is: its holder keeps all to themselves. */
async function isTaken(lockPath: string): Promise<boolean> {
  try {
    return (await namesIn(lockPath)).length > 0;
  } catch (error) {
    if (isRefused(error)) return true;
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
  const { mtimeMs } = await lstat(lockPath);
  if (Date.now() - mtimeMs < STALE_MS) throw Object.assign(taken(), { code: 'ELOCKED' });
  await removeLock(lockPath);
  // What no process of lading's has put there stays: waiting for it would be in vain.
  if ((await namesIn(lockPath)).some((name) => !OWNER_FILE.test(name) && !name.startsWith(NFS_LEFT)))
    throw await heldByOther(lockPath);
}

/** What processes leave that die while they make theirs. One that lives tries again. */
async function removeClaims(lockPath: string): Promise<void> {
  const prefix = `${basename(lockPath)}.`;
  for (const name of await fs.readdir(dirname(lockPath))) {
    if (name.startsWith(prefix) && name.length === prefix.length + 36)
      await unlessRefused(() => removeLock(join(dirname(lockPath), name)));
  }
}

async function namesIn(lockPath: string): Promise<string[]> {
  let names: string[] = [];
  try {
    names = await fs.readdir(lockPath);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return names;
    if (!['ENOTDIR', 'ELOOP'].includes(systemCode(error) ?? '')) throw error;
  }
  const found = await ifThere(() => lstat(lockPath));
  if (found === undefined) return []; // given back meanwhile
  await requireDirectory(lockPath, found);
  return names;
}

/** Rejects with `NOT_WRITABLE` for what is no directory, above all a link to one: nothing is read or removed by it. */
async function requireDirectory(lockPath: string, found: Stats): Promise<void> {
  if (found.isDirectory()) return;
  throw new LadingError('NOT_WRITABLE', `${lockPath} is ${await describeKind(found)}, and no lock`, {
    hint: 'Remove it, or choose another place.',
  });
}

/** Undefined for what is no regular file, or too long to name a process. */
async function readSmallFile(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | CAREFUL);
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= MAX_OWNER_BYTES ? await file.readFile('utf8') : undefined;
  } finally {
    await file.close();
  }
}

function parseJSON(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
