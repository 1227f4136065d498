import type { ConvertedImage } from './convert/convert.js';
import type { Destination, WriteOptions, WriteResult } from './destination.js';
import { type CopyRequest, type ImageTrees, type Plan, type PlanOptions, readImages } from './plan.js';

export interface TransferOptions<Placed = ImageTrees> extends PlanOptions {
  /** Images that are at the destination already stay; default false. */
  append?: boolean | undefined;
  /** Reads what was requested; default `readImages`, for sources that may lack what nobody asks for. */
  read?: ((requests: readonly CopyRequest[], options: PlanOptions) => Promise<ReadImages>) | undefined;
  /** Looks at what will be written, before the first byte is. */
  onChecked?: ((placed: readonly Placed[]) => void) | undefined;
  /** Turns each image into what is written in its place; default: it stays as it is. */
  convert?: ((image: ImageTrees) => Promise<ConvertedImage>) | undefined;
  /** Check everything, and write nothing; default false. */
  dryRun?: boolean | undefined;
}

export interface ReadImages {
  images: ImageTrees[];
  failures: Plan['failures'];
}

export interface TransferResult<Placed = ImageTrees> extends WriteResult {
  /** The images as they were read. */
  read: ImageTrees[];
  /** What the destination made of them: those that have a place there, with their names. */
  placed: Placed[];
  /** What became of each, with `convert`. */
  converted: ConvertedImage[];
}

/**
 * Carries images from their sources to a destination, which is the whole of save, load, copy and convert: reads what
 * the images consist of, has the destination check that nothing is lost, converts, and writes. Rejects before the first
 * byte where something would be lost.
 */
export async function transfer<Placed>(
  from: readonly CopyRequest[],
  to: Destination<Placed>,
  options: TransferOptions<Placed> = {},
): Promise<TransferResult<Placed>> {
  const { append = false, read: readAll = readImages, convert, onEvent } = options;
  const { images, failures } = await readAll(from, options);
  const converted: ConvertedImage[] = [];
  if (convert !== undefined) {
    // Before layers are read, and again with the digests that the images then have.
    to.check(images, { append });
    for (const image of images) converted.push(await convert(image));
  }
  const arriving = convert === undefined ? images : converted.flatMap((one) => one.images);
  const placed = to.check(arriving, { append, onEvent });
  options.onChecked?.(placed);
  const about = { read: images, placed, converted };
  if (options.dryRun) return { ...NOTHING_WRITTEN, failures, ...about };
  const { concurrency, retries, keepGoing, signal } = options;
  const how: WriteOptions = { concurrency, retries, keepGoing, signal, onEvent, append, failures };
  return { ...(await to.write(placed, how)), ...about };
}

const NOTHING_WRITTEN: Omit<WriteResult, 'failures'> = {
  images: [],
  kept: [],
  blobs: { total: 0, sent: 0, mounted: 0, present: 0 },
  bytes: { total: 0, sent: 0 },
};
