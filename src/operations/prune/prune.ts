import type { PruneReport } from '../../store/prune-report.js';
import { removablePlace } from '../removable-place.js';
import type { PruneOptions } from './options.js';

export interface PruneResult extends PruneReport {
  location: string;
  dryRun: boolean;
}

/**
 * Removes from a bucket (`s3://…`) or a layout directory what no name leads to and is older than `olderThanMs`: what
 * interrupted runs have left, and images whose names were moved or removed. Other programs of lading may write there
 * meanwhile. Rejects with `MISSING_CONTENT`, and removes nothing, if a manifest that is needed cannot be read; with `LOCKED` if
 * another run collects.
 */
export async function prune(location: string, options: PruneOptions = {}): Promise<PruneResult> {
  const { dryRun = false } = options;
  // Few commands need it.
  const { pruneBucket, pruneLayout } = await import('./collect.js');
  const place = await removablePlace(location, 'content');
  const report = await (place.kind === 'bucket'
    ? pruneBucket(place.location, options)
    : pruneLayout(place.directory, options));
  return { location, dryRun, ...report };
}
