import { stat } from 'node:fs/promises';
import { readFailure } from '../../disk/region.js';
import { LadingError } from '../../errors.js';
import { warningsTo } from '../../events.js';
import { openBucketForWriting } from '../../store/bucket/bucket.js';
import { BucketCollector } from '../../store/bucket/collect.js';
import { collectLayout } from '../../store/layout/collect.js';
import type { PruneReport } from '../../store/prune-report.js';
import type { PruneOptions } from './options.js';

const DEFAULT_AGE_MS = 24 * 3600_000;
const DEFAULT_WAIT_MS = 60_000;

export async function pruneBucket(location: string, options: PruneOptions): Promise<PruneReport> {
  const { olderThanMs = DEFAULT_AGE_MS, waitMs = DEFAULT_WAIT_MS, dryRun, signal, onCondemned } = options;
  const store = await openBucketForWriting(location, options);
  try {
    await store.requireLayout();
    // A service that ignores conditions is refused here: two runs could not tell each other.
    if (dryRun !== true) await store.prepare();
    const collector = new BucketCollector(store, {
      graceMs: olderThanMs,
      waitMs,
      dryRun,
      signal,
      onCondemned,
      // Names that are gone must not stay there, since what they need is going.
      beforeRemoving: async () => {
        if (await store.hasIndex()) await store.writeIndex();
      },
    });
    return await collector.collect();
  } finally {
    await store.close();
  }
}

export async function pruneLayout(directory: string, options: PruneOptions): Promise<PruneReport> {
  const { olderThanMs = DEFAULT_AGE_MS, dryRun, signal, onEvent, onCondemned } = options;
  const warn = warningsTo(onEvent);
  await requireDirectory(directory);
  return collectLayout(directory, {
    graceMs: olderThanMs,
    dryRun,
    signal,
    onCondemned,
    onWait: (holder) => warn(`waiting for ${holder}, which writes to ${directory}`),
  });
}

/** Throws `NOT_FOUND` for a path that does not exist, and `USAGE` for an archive: nothing is removed from a file. */
async function requireDirectory(path: string): Promise<void> {
  const stats = await stat(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  if (!stats.isDirectory())
    throw new LadingError(
      'USAGE',
      `${path} is a file, and content is removed only from directories and buckets`,
      {
        hint: 'Copy the images that you want to keep into a new archive.',
      },
    );
}
