import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import fs from 'fs-extra';
import lockfile from 'proper-lockfile';
import { LadingError, systemCode } from '../errors.js';
import { diskError } from './disk.js';

/** A lock without a sign of life for so long is nobody's; it matters only for holders on other machines. */
const STALE_MS = 30_000;
const POLL_MS = 100;
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
  /** Told once, when there is somebody to wait for. */
  onWait?: ((holder: string) => void) | undefined;
}

interface Owner {
  pid: number;
  host: string;
}

/**
 * Makes this process the only writer of what `path` stands for. A lock whose process died on this machine is
 * taken over at once, one of another machine when it stops giving signs of life; else rejects with `LOCKED`.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<Lock> {
  const { signal, waitMs = DEFAULT_WAIT_MS, onWait } = options;
  const lockPath = `${path}.lock`;
  const ownerPath = `${lockPath}.owner`;
  const deadline = Date.now() + waitMs;
  for (let waited = false; ; waited = true) {
    const lock = await tryLock(path, lockPath, ownerPath);
    if (lock !== undefined) return lock;
    const owner = await readOwner(ownerPath);
    if (owner !== undefined && isDead(owner)) {
      await breakLock(lockPath, ownerPath);
      continue;
    }
    const holder = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
    if (!waited) onWait?.(holder);
    if (Date.now() >= deadline) {
      throw new LadingError('LOCKED', `${path} is being written by ${holder}`, {
        hint: `Wait for it to end. If it is gone for good, remove ${lockPath}.`,
      });
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

async function tryLock(path: string, lockPath: string, ownerPath: string): Promise<Lock | undefined> {
  let lost: Error | undefined;
  let unlock: () => Promise<void>;
  try {
    unlock = await lockfile.lock(path, {
      lockfilePath: lockPath,
      realpath: false,
      stale: STALE_MS,
      onCompromised: (error) => {
        lost = error;
      },
    });
  } catch (error) {
    if (systemCode(error) === 'ELOCKED') return undefined;
    throw diskError(error, path);
  }
  await fs.writeJson(ownerPath, { pid: process.pid, host: hostname() } satisfies Owner);
  return {
    assertHeld() {
      if (lost !== undefined)
        throw new LadingError('LOCKED', `the lock of ${path} was lost to another process`, { cause: lost });
    },
    async release() {
      if (lost !== undefined) return;
      await fs.remove(ownerPath);
      await unlock();
    },
  };
}

async function readOwner(ownerPath: string): Promise<Owner | undefined> {
  const owner: unknown = await fs.readJson(ownerPath, { throws: false }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (typeof owner !== 'object' || owner === null || !('pid' in owner) || !('host' in owner))
    return undefined;
  const { pid, host } = owner;
  return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
}

function isDead({ pid, host }: Owner): boolean {
  if (host !== hostname() || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

/**
 * Of several processes that see the same dead owner, the rename of its file lets one through. It looks at the
 * owner once more: since it was read, a new holder may have come and written its own.
 */
async function breakLock(lockPath: string, ownerPath: string): Promise<void> {
  const claimed = `${ownerPath}.${randomUUID()}`;
  try {
    await fs.rename(ownerPath, claimed);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  const owner = await readOwner(claimed);
  if (owner === undefined || !isDead(owner)) return fs.rename(claimed, ownerPath);
  await fs.remove(lockPath);
  await fs.remove(claimed);
}
