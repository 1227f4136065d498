import { setTimeout as delay } from 'node:timers/promises';
import { LadingError } from '../errors.js';
import { breakLock, isDead, otherUser, readOwner, tryLock } from './lock-directory.js';

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
