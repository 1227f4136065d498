/** What the jobs of a list run, under any scheduler. */
export interface JobPlan {
  /** Number of shares. */
  shards: number;
  /** Number of jobs at once, at most that of the shares. */
  parallel: number;
  /** A file, or an object `s3://BUCKET/KEY`. */
  lock: string | undefined;
  /** The words behind `lading save`, without the lock and the share. */
  save: readonly string[];
  /** The words behind `lading` that write the index for other tools, when all jobs are done. */
  index: readonly string[];
}

/** What is printed, and the commands that come afterwards. */
export interface PrintedJob {
  text: string;
  next: string[];
}
