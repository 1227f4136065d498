import type { LockDifference } from '../../lock/compare-locks.js';
import type { Lock } from '../../lock/lock.js';
import { createMemoryStore } from '../../store/memory.js';
import { runSave, sinceLock } from '../save.js';
import type { SaveOptions } from '../save-options.js';

/** Options of a save that decide what is taken, and how registries are asked. */
export type LockOptions = Omit<
  SaveOptions,
  'output' | 'format' | 'append' | 'writeLock' | 'lockFormat' | 'updateLock' | 'shard'
>;

export interface LockResult {
  lock: Lock;
  /** What has changed since the lock that was given. */
  difference?: LockDifference;
  /** Images that could not be read; only with `keepGoing`. */
  failures: { name: string; error: unknown }[];
}

/**
 * Resolves names to digests, without saving anything: manifests are read, layers are not. If a lock is given, its names
 * are asked for anew.
 */
export async function lockImages(given: LockOptions): Promise<LockResult> {
  // The way of a save, up to what would be written.
  const options = { ...given, updateLock: given.lock !== undefined, output: createMemoryStore() };
  const { lock, transferred } = await runSave(options, { dryRun: true, locks: true });
  if (lock === undefined) throw new Error('a lock was asked for');
  const difference = await sinceLock(given.lock, lock);
  return { lock, failures: transferred.failures, ...(difference && { difference }) };
}
