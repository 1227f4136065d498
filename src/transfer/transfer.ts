import type { ConvertedImage } from './convert/convert.js';
import type { Destination, Survey, WriteOptions, WriteResult } from './destination.js';
import { type CopyRequest, type ImageTrees, type PlanOptions, sizeOf } from './plan.js';
import { type ReadImages, readImages } from './read-images.js';

export interface TransferOptions<Placed = ImageTrees> extends PlanOptions {
  /** Keep images that are already at the destination; default false. */
  append?: boolean | undefined;
  /** Reads the requested images; default `readImages`, for sources that may lack content that nobody requests. */
  read?: ((requests: readonly CopyRequest[], options: PlanOptions) => Promise<ReadImages>) | undefined;
  /** Called with what will be written, before the first byte is written. */
  onChecked?: ((placed: readonly Placed[]) => void) | undefined;
  /** Returns what is written in place of an image; default: images stay unchanged. */
  convert?: ((image: ImageTrees) => Promise<ConvertedImage>) | undefined;
  /** Check everything, and ask the destination what it lacks, but write nothing; default false. */
  dryRun?: boolean | undefined;
}

export interface TransferResult<Placed = ImageTrees> extends WriteResult {
  /** The images as they were read. */
  read: ImageTrees[];
  /** The images that fit the destination, with their names there. */
  placed: Placed[];
  /** The results of `convert`, one per image. */
  converted: ConvertedImage[];
  /** After a dry run, what the names stand for at the destination; undefined if it cannot tell. */
  standings?: Survey<Placed>['standings'];
  /** After a dry run to files, what would be written. */
  plan?: Survey<Placed>['plan'];
  /** After a dry run to files, how large they would be. */
  size?: Survey<Placed>['size'];
}

/**
 * Carries images from their sources to a destination; save, load, copy and convert all use it. It reads what the images
 * consist of, lets the destination check that nothing is lost, converts, and writes. Rejects before the first byte is
 * written if something would be lost.
 */
export async function transfer<Placed>(
  from: readonly CopyRequest[],
  to: Destination<Placed>,
  options: TransferOptions<Placed> = {},
): Promise<TransferResult<Placed>> {
  const { append = false, read: readAll = readImages, convert, onEvent } = options;
  const isWritten = convert === undefined && !options.dryRun;
  const onRead = isWritten ? to.keep?.bind(to) : undefined;
  const { images, failures } = await readAll(from, { ...options, onRead });
  const converted: ConvertedImage[] = [];
  if (convert !== undefined) {
    // Check before layers are read, and again below with the new digests.
    to.check(images, { append });
    onEvent?.({ type: 'converting', ...sizeOf(images) });
    for (const image of images) {
      converted.push(await convert(image));
      onEvent?.({ type: 'converted', name: image.name });
    }
  }
  const arriving = convert === undefined ? images : converted.flatMap((one) => one.images);
  const placed = to.check(arriving, { append, onEvent });
  options.onChecked?.(placed);
  const about = { read: images, placed, converted };
  const { concurrency, retries, keepGoing, signal } = options;
  const how: WriteOptions = { concurrency, retries, keepGoing, signal, onEvent, append, failures };
  if (!options.dryRun) return { ...(await to.write(placed, how)), ...about };
  const survey = await to.survey?.(placed, how);
  return { ...NOTHING_WRITTEN, ...survey, failures, ...about };
}

/** The result of a transfer that writes nothing. */
export const NOTHING_WRITTEN: Omit<WriteResult, 'failures'> = {
  images: [],
  kept: [],
  blobs: { total: 0, sent: 0, mounted: 0, present: 0 },
  bytes: { total: 0, sent: 0 },
};
