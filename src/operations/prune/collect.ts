import { warningsTo } from '../../events.js';
import { openBucketForWriting } from '../../store/bucket/bucket.js';
import { BucketCollector } from '../../store/bucket/collect.js';
import { collectLayout } from '../../store/layout/collect.js';
import type { PruneReport } from '../../store/prune-report.js';
import type { PruneOptions } from './options.js';

const DEFAULT_AGE_MS = 24 * 3600_000;
const DEFAULT_WAIT_MS = 60_000;

/** Removes what no name of a bucket leads to; rejects as `prune` does. */
export async function pruneBucket(location: string, options: PruneOptions): Promise<PruneReport> {
  const { olderThanMs = DEFAULT_AGE_MS, waitMs = DEFAULT_WAIT_MS, dryRun, signal, onCondemned } = options;
  const store = await openBucketForWriting(location, options);
  try {
    await store.requireLayout();
    // A service that ignores conditions is refused here: two runs would not notice each other.
    if (dryRun !== true) await store.prepare();
    const collector = new BucketCollector(store, {
      graceMs: olderThanMs,
      waitMs,
      dryRun,
      signal,
      onCondemned,
      onWarning: warningsTo(options.onEvent),
      // Neither names that are gone nor attachments that go must stay there, since what they need is going.
      beforeRemoving: async (condemned) => {
        if (await store.hasIndex()) await store.writeIndex(({ digest }) => condemned.has(digest));
      },
    });
    const report = await collector.collect();
    // What was needed again belongs there.
    if (report.spared.blobs > 0 && (await store.hasIndex())) await store.writeIndex();
    return report;
  } finally {
    await store.close();
  }
}

/** Removes what no entry of a layout directory leads to, while no other process writes there; rejects as `prune` does. */
export async function pruneLayout(directory: string, options: PruneOptions): Promise<PruneReport> {
  const { olderThanMs = DEFAULT_AGE_MS, dryRun, signal, onEvent, onCondemned } = options;
  const warn = warningsTo(onEvent);
  return collectLayout(directory, {
    graceMs: olderThanMs,
    dryRun,
    signal,
    onCondemned,
    onWait: (holder) => warn(`waiting for ${holder}, which writes to ${directory}`),
  });
}
