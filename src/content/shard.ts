import { createHash } from 'node:crypto';
import { LadingError } from '../errors.js';
import type { Reference } from './reference.js';

/** A share of a list of images, for several programs that share the work. */
export interface Shard {
  /** From 0 to `count` - 1. */
  index: number;
  count: number;
}

/** Parses `I/N`; throws `USAGE`. */
export function parseShard(text: string): Shard {
  const [, index, count] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  if (index === undefined)
    throw new LadingError('USAGE', `"${text}" is not a shard`, {
      hint: 'A shard is I/N, two whole numbers: of 4 shards, the first is 0/4 and the last is 3/4.',
    });
  return checkShard({ index: Number(index), count: Number(count) });
}

/** Returns the shard if there is such a one; throws `USAGE`. */
export function checkShard({ index, count }: Shard): Shard {
  const isCount = Number.isSafeInteger(count) && count >= 1;
  if (!isCount) throw new LadingError('USAGE', `the work is shared among 1 or more shards, not ${count}`);
  if (Number.isSafeInteger(index) && index >= 0 && index < count) return { index, count };
  throw new LadingError('USAGE', `there is no shard ${index}/${count}`, {
    hint: `Shards are counted from 0: of ${count}, the first is 0/${count} and the last is ${count - 1}/${count}.`,
  });
}

/**
 * Returns the shard of a repository, from 0 to `count` - 1: the first 12 hexadecimal digits of the SHA-256 of
 * `REGISTRY/REPOSITORY` as a number, modulo `count`. Images of one repository share layers, so one shard has them all.
 * The rule never changes: runs of different versions work on one list.
 */
export function shardOf({ registry, repository }: Reference, count: number): number {
  const hash = createHash('sha256').update(`${registry}/${repository}`).digest('hex');
  return Number.parseInt(hash.slice(0, 12), 16) % count; // 48 bits, which a number has room for
}

export function isInShard(reference: Reference, { index, count }: Shard): boolean {
  return shardOf(reference, count) === index;
}
