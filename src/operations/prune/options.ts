import type { ConnectionOptions } from '../../registry/connect.js';
import type { Amount } from '../../store/prune-report.js';

export interface PruneOptions extends ConnectionOptions {
  /** Content younger than this stays, in milliseconds; default 24 hours. */
  olderThanMs?: number | undefined;
  /** Of a bucket, time between the two marks, in milliseconds; default one minute. */
  waitMs?: number | undefined;
  /** Say what would be removed, and change nothing; default false. */
  dryRun?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Called when it is known what will be removed, before anything is. */
  onCondemned?: ((amount: Amount) => void) | undefined;
}
