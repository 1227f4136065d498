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

// proper-lockfile loads signal-exit, which listens for SIGXFSZ and would end the process unless there is another
// listener; Node.js itself ignores that signal. With this listener, a write beyond the limit of `ulimit -f` fails with
// EFBIG, like any other failed write.
if (process.platform !== 'win32') process.on('SIGXFSZ', () => undefined);

/** A lock that its holder has not touched for this long is stale; this matters only for holders on other machines. */
const STALE_MS = 30_000;
const OWNER_FILE = /^owner-[0-9a-f-]{36}$/;
/** Prefix of a file that was removed while a process had it open. (Linux NFS client, "silly rename") */
const NFS_LEFT = '.nfs';
/** Limit for an owner file, which holds a pid, a host name and a start time. */
const MAX_OWNER_BYTES = 4096;
const MAX_HOST_LENGTH = 300;
/** Other users can see who holds the lock, but not write to its directory. */
const LOCK_MODE = 0o755;

const DEFAULT_POLL_MS = 100;
const DEFAULT_WAIT_MS = 600_000;

export interface Lock {
  /** Throws `LOCKED` if another process took over the lock, because this one was suspended for too long. */
  assertHeld(): void;
  release(): Promise<void>;
}

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** How long to wait for another writer, in milliseconds; default ten minutes. */
  waitMs?: number | undefined;
  /** How often to check whether the other writer has finished, in milliseconds; default 100. */
  pollMs?: number | undefined;
  /** Called once, with a description of the holder, if the lock is held by another process. */
  onWait?: ((holder: string) => void) | undefined;
}

/**
 * Makes this process the only writer of whatever `path` stands for. A lock is taken over at once if its process died on
 * this machine, and if its process is on another machine, when it has not touched the lock for 30 s. Rejects with
 * `LOCKED` after `waitMs`; the error names the user if the lock belongs to another one.
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
 * The holder of a lock. The process is read from a file in the lock's directory, so for a lock of another user it is
 * only what that user claims. The user is the owner of the directory, which the system reports.
 */
interface Owner {
  /** Name of the owner file; no other holder uses the same one. */
  file: string;
  pid: number;
  host: string;
  /** Start time that distinguishes the process from a later one with the same pid; not available on every system. */
  started?: string | undefined;
}

/**
 * Takes the lock and returns it, or undefined if it is held. The lock is a directory that contains its owner's file. A
 * single rename puts both in place, so a lock always names its owner, even if the process dies at the worst moment. An
 * empty directory is a free lock.
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
        // Never follow a link that was put in place of the lock's directory.
        stat: fs.lstat,
        utimes: fs.lutimes,
        mkdir: (directory: string, done: Done) => settle(makeOwned(directory, ownerFile), done),
        rmdir: (directory: string, done: Done) => settle(remove(directory), done),
        // Called when the process exits while it holds the lock.
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

/** Returns undefined if no file says which process holds the lock. */
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

/** Returns the owner of the lock, as messages name users, or undefined if it is the current user. */
async function otherUser(lockPath: string): Promise<string | undefined> {
  const found = await unlessRefused(() => lstat(lockPath));
  if (found === undefined || found.uid === (thisUser() ?? found.uid)) return undefined;
  return describeUser(found.uid);
}

/** True only if the process has certainly ended; never true for a process of another machine or container. */
async function isDead({ pid, host, started }: Owner): Promise<boolean> {
  return host === processSpace() && (await isGone(pid, started));
}

/**
 * Removes the owner file of a dead process, which leaves an empty directory. If another process has taken the lock
 * meanwhile, its file has another name and stays. Rejects with `LOCKED` if the lock belongs to another user, who alone
 * can remove it.
 */
async function breakLock(lockPath: string, { file }: Owner): Promise<void> {
  await removeOwners(lockPath, [file]);
}

/** Removes a lock, or an unfinished one, that its process left behind. Rejects as `breakLock` does. */
export async function removeLock(lockPath: string): Promise<void> {
  await removeOwners(lockPath, await ofOther(lockPath, () => namesIn(lockPath)));
  await removeUnlessTaken(lockPath);
}

/** Removes owner files only: lading did not create anything else in the directory, or behind a link. */
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

/** The error for a lock that no process holds, or for something else in its place, that cannot be removed. */
async function heldByOther(lockPath: string, cause?: unknown): Promise<LadingError> {
  const user = await otherUser(lockPath);
  const whose = user === undefined ? '' : ` of ${user}`;
  return new LadingError(
    'LOCKED',
    `${lockPath} is a lock${whose} that no process holds, but it cannot be removed`,
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

/** Creates the lock's directory; rejects with `EEXIST` if the lock is held, as `mkdir` does. */
async function makeOwned(lockPath: string, ownerFile: string): Promise<void> {
  if (await isTaken(lockPath)) throw taken();
  const claim = `${lockPath}.${randomUUID()}`;
  await fs.mkdir(claim, LOCK_MODE); // fails if no file can be created here; then nobody holds the lock
  try {
    const owner = { pid: process.pid, host: processSpace(), started: await startOfProcess(process.pid) };
    await fs.writeFile(join(claim, ownerFile), `${JSON.stringify(owner)}\n`, { flag: 'wx', mode: 0o644 });
    await fs.rename(claim, lockPath);
  } catch (error) {
    await unlessRefused(() => removeLock(claim));
    if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw taken();
    // The holder of the lock has removed this claim in removeClaims().
    if (systemCode(error) === 'ENOENT' && (await fs.pathExists(dirname(lockPath)))) throw taken();
    // It is a dangling link, or another user's lock in a directory with the sticky bit. (chmod(2), S_ISVTX)
    const found = await unlessRefused(() => lstat(lockPath));
    if (found !== undefined) await requireDirectory(lockPath, found);
    if (found !== undefined && isRefused(error)) throw await heldByOther(lockPath, error);
    throw error;
  }
}

/** A lock that this user may not read counts as held. */
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

/** Removes a stale lock, after checking its age again: a new holder may have taken it. */
async function removeStale(lockPath: string): Promise<void> {
  const { mtimeMs } = await lstat(lockPath);
  if (Date.now() - mtimeMs < STALE_MS) throw Object.assign(taken(), { code: 'ELOCKED' });
  await removeLock(lockPath);
  // Files that lading did not create stay, so the lock would never become free: report it instead of waiting.
  if ((await namesIn(lockPath)).some((name) => !OWNER_FILE.test(name) && !name.startsWith(NFS_LEFT)))
    throw await heldByOther(lockPath);
}

/**
 * Removes the claims of processes that died while they took the lock. A live process whose claim is removed tries
 * again.
 */
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
  if (found === undefined) return []; // the lock was released meanwhile
  await requireDirectory(lockPath, found);
  return names;
}

/**
 * Rejects with `NOT_WRITABLE` if the lock is not a directory; above all, a link to a directory must not be followed.
 */
async function requireDirectory(lockPath: string, found: Stats): Promise<void> {
  if (found.isDirectory()) return;
  throw new LadingError('NOT_WRITABLE', `${lockPath} is ${await describeKind(found)}, not a lock`, {
    hint: 'Remove it, or choose another place.',
  });
}

/** Returns undefined unless it is a regular file of at most `MAX_OWNER_BYTES`. */
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
