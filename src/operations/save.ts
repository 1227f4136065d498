import { dirname, resolve } from 'node:path';
import type { Digest } from '../content/digest.js';
import type { Platform } from '../content/platform.js';
import type { Shard } from '../content/shard.js';
import { requireWritable } from '../disk/disk.js';
import type { LockDifference } from '../lock/compare-locks.js';
import type { Lock } from '../lock/lock.js';
import { sharingRate } from '../registry/http/byte-rate.js';
import { isBucket } from '../store/locator.js';
import type { Destination } from '../transfer/destination.js';
import { destinationName, isStore, refuseFileOptions } from '../transfer/destinations.js';
import { toFiles } from '../transfer/files/to-files.js';
import type { SaveFormat } from '../transfer/files/write-files.js';
import type { PlannedImage } from '../transfer/plan.js';
import { toBucket } from '../transfer/to-bucket.js';
import { toStore } from '../transfer/to-store.js';
import { type TransferResult, transfer } from '../transfer/transfer.js';
import { chooseIndex, type IndexChoice, warnOfLeftOut } from './choose-index.js';
import type { ResolvedPattern } from './expand-images.js';
import { listImages, withSelection } from './listed-images.js';
import type { SaveOptions } from './save-options.js';
import { withWanted } from './wanted-images.js';

export interface SavedImage {
  name: string;
  digest: Digest;
  mediaType: string;
  platforms: Platform[];
  /** Bytes of everything the image needs. */
  size: number;
  /** Number of signatures, SBOMs and attestations that were saved with it. */
  referrers: number;
  /** The digest at the registry, if the index was rewritten. */
  originalDigest?: Digest;
  /** Children that the archive leaves out on purpose. */
  absent?: Digest[];
}

export interface SaveResult {
  /** The output as the user named it; `-` for a stream. */
  output: string;
  format: SaveFormat | 'store';
  images: SavedImage[];
  /** Which share of the list this is, if it was shared; one without images writes nothing, and no lock. */
  shard?: Shard;
  blobs: { total: number; fetched: number; reused: number };
  bytes: { total: number; fetched: number };
  /** What each pattern of tags stood for, if there are patterns. */
  patterns?: ResolvedPattern[];
  /** Images that could not be saved; only with `keepGoing`. */
  failures: { name: string; error: unknown }[];
  /** What has changed since the lock; only with `updateLock`. */
  difference?: LockDifference;
}

/**
 * Pulls images from their registries into one archive or layout, with unchanged digests. Content that the output
 * already has is not fetched again; the same call resumes an interrupted run.
 */
export async function save(given: SaveOptions): Promise<SaveResult> {
  const { writeLock, lockFormat } = given;
  if (writeLock !== undefined && !isBucket(writeLock)) await requireWritable(writeLock);
  const run = await runSave(given);
  const { options, format, transferred: saved, lock } = run;
  if (writeLock !== undefined && lock !== undefined) {
    const { writeLockFile } = await import('./lock/locks.js');
    await writeLockFile(writeLock, lock, lockFormat, options);
  }
  const difference = options.updateLock && lock ? await sinceLock(options.lock, lock) : undefined;
  return {
    output: destinationName(options.output),
    format,
    images: [...saved.images.map(({ planned }) => planned), ...saved.kept].map(savedImage),
    ...(options.shard && { shard: options.shard }),
    blobs: { total: saved.blobs.total, fetched: saved.blobs.sent, reused: saved.blobs.present },
    bytes: { total: saved.bytes.total, fetched: saved.bytes.sent },
    ...(run.patterns.length > 0 && { patterns: run.patterns }),
    failures: saved.failures,
    ...(difference && { difference }),
  };
}

/** Returns what has changed since a lock, if there was one. */
export async function sinceLock(before: Lock | undefined, after: Lock): Promise<LockDifference | undefined> {
  if (before === undefined) return undefined;
  const { compareLocks } = await import('./lock/locks.js');
  return compareLocks(before, after);
}

/** What a save did, or with `dryRun` would do. */
export interface SaveRun {
  /** The options, with what a lock says. */
  options: SaveOptions;
  format: SaveResult['format'];
  transferred: TransferResult;
  patterns: ResolvedPattern[];
  /** A lock of what was saved, if the options ask for one. */
  lock: Lock | undefined;
}

export interface SaveRunOptions {
  /** Write nothing; default false. */
  dryRun?: boolean | undefined;
  /** Make a lock; default: if the options need it. */
  locks?: boolean | undefined;
}

/** Saves images, or with `dryRun` does the same up to the first byte that would be written. */
export async function runSave(
  given: SaveOptions,
  { dryRun = false, locks = given.writeLock !== undefined || given.updateLock }: SaveRunOptions = {},
): Promise<SaveRun> {
  // Few saves are shared.
  const share = given.shard && (await (await import('./shares.js')).listShare(given, given.shard));
  const options = sharingRate(share?.options ?? withSelection(given));
  const listed = share?.listed ?? (await listImages(options));
  const output = await openOutput(options, chooseIndex(options));
  // Beside the output, where there is space for images.
  const directory =
    typeof options.output === 'string' && !isBucket(options.output)
      ? dirname(resolve(options.output))
      : undefined;
  try {
    if (share?.nothing)
      return { options, format: output.format, transferred: share.nothing, patterns: [], lock: undefined };
    return await withWanted(listed, options, { previous: output.previous, directory }, async (wanted) => {
      let lock: Lock | undefined;
      const done = await transfer(wanted.requests, output, {
        ...options,
        ...wanted.choice,
        explain: wanted.explain,
        dryRun,
        async read(requests, how) {
          const read = await wanted.read(requests, how);
          // Before anything is written: what cannot be locked is refused.
          if (locks) lock = (await import('./lock/locks.js')).makeLock(read.images, wanted, options);
          return read;
        },
        onChecked: (placed) => warnOfLeftOut(placed, options),
      });
      const transferred = { ...done, failures: [...wanted.failures, ...done.failures] };
      const failed = new Set(transferred.failures.map(({ name }) => name));
      const images = lock?.images.filter(({ name }) => !failed.has(name)) ?? [];
      return {
        options,
        format: output.format,
        transferred,
        patterns: wanted.resolved,
        lock: lock && { ...lock, images },
      };
    });
  } finally {
    await output.close();
  }
}

async function openOutput(
  options: SaveOptions,
  { dockerPlatform }: IndexChoice,
): Promise<Destination & Pick<SaveResult, 'format'>> {
  const { output } = options;
  if (isStore(output)) return toStore(output);
  if (typeof output !== 'string' || !isBucket(output)) return toFiles(output, { ...options, dockerPlatform });
  refuseFileOptions(`${output} is a bucket`, { ...options, append: false });
  return toBucket(output, { connection: options, noClobber: options.noClobber });
}

/** Describes an image of a result. */
export function savedImage(image: PlannedImage): SavedImage {
  return {
    name: image.name,
    digest: image.root.digest,
    mediaType: image.root.mediaType,
    platforms: image.platforms,
    size: image.size,
    referrers: image.referrers,
    ...(image.original && { originalDigest: image.original.digest }),
    ...(image.absent.length > 0 && { absent: image.absent }),
  };
}
