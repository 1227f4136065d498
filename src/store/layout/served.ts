import { join } from 'node:path';
import { removeIfEmpty, requireWritable } from '../../disk/disk.js';
import { acquireLock } from '../../disk/lock.js';
import { isLadingError, messageOf } from '../../errors.js';
import type { WritableRepositories, WritableRepository } from '../writable-repository.js';
import { LiveLayout } from './live-layout.js';
import { INGEST, makeLayout } from './make-layout.js';
import { LayoutContent } from './pushed-content.js';
import { LayoutRepository } from './writable-repository.js';

export interface ServedLayoutOptions {
  /** How long an upload may receive no data before its client is considered gone, in milliseconds; default 24 hours. */
  maxUploadAgeMs?: number | undefined;
  /** Called with failures of background work. */
  onWarning?: ((message: string) => void) | undefined;
}

/** A layout that accepts pushes. */
export interface ServedLayout extends WritableRepositories {
  /** Returns the repository if it has a manifest or a blob. */
  openRepository(name: string): Promise<WritableRepository | undefined>;
  listRepositories(): Promise<string[]>;
  /** Removes uploads whose clients are gone; also runs periodically by itself. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

const DEFAULT_MAX_UPLOAD_AGE_MS = 24 * 3600_000;
const MAX_SWEEP_INTERVAL_MS = 3600_000;

/**
 * Opens a layout directory as a registry that accepts pushes, and creates it if it does not exist. Saves into it and
 * other registries over it may run at the same time, and other tools may read it at any moment: when a push is
 * answered, its manifest is in `index.json`, or below an index that is.
 */
export async function openServedLayout(
  directory: string,
  { maxUploadAgeMs = DEFAULT_MAX_UPLOAD_AGE_MS, onWarning }: ServedLayoutOptions = {},
): Promise<ServedLayout> {
  await makeLayout(directory);
  await requireWritable(directory);
  const layout = await LiveLayout.openDirectory(directory);
  const content = new LayoutContent(layout);
  const sweep = async (): Promise<void> => {
    await content.uploads.sweep(maxUploadAgeMs);
    await content.tidy();
  };

  await sweep();
  const sweeping = setInterval(
    () =>
      sweep().catch((error: unknown) =>
        onWarning?.(`abandoned uploads could not be removed: ${messageOf(error)}`),
      ),
    Math.min(maxUploadAgeMs, MAX_SWEEP_INTERVAL_MS),
  );
  sweeping.unref();

  /**
   * True if the repository exists. The last known tags suffice: requests for something in it check what is there now.
   */
  const has = async (name: string): Promise<boolean> =>
    (await layout.lastTags)?.has(name) || (await layout.tags()).has(name) || content.blobs.hasAny(name);

  return {
    openForPush: async (name) => new LayoutRepository(name, content),
    openRepository: async (name) => ((await has(name)) ? new LayoutRepository(name, content) : undefined),
    listRepositories: async () => [
      ...new Set([...(await layout.tags()).keys(), ...(await content.blobs.repositories())]),
    ],
    sweep,
    async close() {
      clearInterval(sweeping);
      await unlessHindered(() => content.uploads.close());
      await unlessHindered(() => content.tidy());
      await unlessHindered(() => removeIngest(directory));
      await layout.close();
    },
  };
}

async function removeIngest(directory: string): Promise<void> {
  const lock = await acquireLock(join(directory, INGEST), { waitMs: 0 });
  try {
    await removeIfEmpty(join(directory, INGEST));
  } finally {
    await lock.release();
  }
}

/**
 * Ignores failures of the cleanup at the end: a running save relies on what is there, and cleans up itself; or the disk
 * may be gone.
 */
async function unlessHindered(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isLadingError(error, 'LOCKED', 'NOT_WRITABLE', 'IO')) throw error;
  }
}
