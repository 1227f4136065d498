import { parseReference } from '../content/reference.js';
import { checkShard, isInShard, type Shard } from '../content/shard.js';
import type { Lock } from '../lock/lock.js';
import { NOTHING_WRITTEN, type TransferResult } from '../transfer/transfer.js';
import { listImages, withSelection } from './listed-images.js';
import type { SaveOptions } from './save-options.js';
import type { ListedImages } from './wanted-images.js';

/** What a shard has of a list or a lock. */
interface Share {
  /** With what its part of the lock says. */
  options: SaveOptions;
  listed: ListedImages;
  /** The result if there are no images, which is no failure. */
  nothing: TransferResult | undefined;
}

/** Returns what a shard has to save; rejects with `USAGE` if there is no such shard. */
export async function listShare(given: SaveOptions, shard: Shard): Promise<Share> {
  checkShard(shard);
  const { lock } = given;
  const options = withSelection(lock === undefined ? given : { ...given, lock: shareOfLock(lock, shard) });
  const { texts, ...listed } = await listImages(options);
  // Patterns are dealt unresolved, by their repository.
  const share = { ...listed, texts: texts.filter(({ reference }) => isInShard(reference, shard)) };
  const isEmpty = share.texts.length === 0 && (share.digested?.length ?? 0) === 0;
  const nothing = { ...NOTHING_WRITTEN, failures: [], read: [], placed: [], converted: [] };
  return { options, listed: share, nothing: isEmpty ? nothing : undefined };
}

function shareOfLock(lock: Lock, shard: Shard): Lock {
  return {
    ...lock,
    images: lock.images.filter(({ name }) => isInShard(parseReference(name), shard)),
    patterns: lock.patterns.filter(({ repository }) => isInShard(parseReference(repository), shard)),
  };
}
