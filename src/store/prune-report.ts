import type { Digest } from '../content/digest.js';

export interface Amount {
  blobs: number;
  bytes: number;
}

/** What a collection of garbage has found and done. */
export interface PruneReport {
  /** Number of names that were followed. */
  names: number;
  /** What was removed, or would be, with its size in bytes. */
  removed: { digest: Digest; size: number }[];
  /** What names lead to. */
  kept: Amount;
  /** What no name leads to, but is too young. */
  young: Amount;
  /** What was condemned, and is needed or was written anew since. */
  spared: Amount;
  /** Interrupted transfers of blobs that nobody has continued: what was there of them was removed, or would be. */
  unfinished: Amount;
  /** What the service refused to remove. */
  failures: { key: string; problem: string }[];
}

export function amountOf(contents: readonly { size: number }[]): Amount {
  return { blobs: contents.length, bytes: contents.reduce((sum, { size }) => sum + size, 0) };
}
