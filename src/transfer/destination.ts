import type { Digest } from '../content/digest.js';
import type { OnCopyEvent } from '../events.js';
import type { Source } from '../store/store.js';
import type { CopyOptions } from './copy.js';
import type { ImageTrees, Plan, PlannedImage } from './plan.js';

/**
 * A place that images are written to: an archive, a layout, a stream or a registry. Before anything is written, `check` finds
 * each image that would lose its name, replace another one or not fit, and rejects or warns. `Placed` is an image with its
 * name at the destination.
 */
export interface Destination<Placed = ImageTrees> {
  /** As users write it; `-` for a stream. */
  readonly location: string;
  /** The content of an earlier run, if it can be read now; it need not be fetched again. */
  readonly previous: Source | undefined;
  /**
   * Rejects, before the first byte is written, if an image would be lost: because another one would get its name, or
   * because it is at the destination and would be replaced. Returns the images in the form that fits the destination,
   * and warns about what does not fit.
   */
  check(images: readonly ImageTrees[], rules?: CheckRules): Placed[];
  /**
   * Returns the name that an image gets at the destination, given the result of `check`; undefined if it is left out.
   */
  nameOf(image: ImageTrees, placed: readonly Placed[]): string | undefined;
  /**
   * Stores blobs of an image that were read with it, so that they need not be read again if the run is killed before it
   * writes. Only a destination has this where content without a name does no harm. Never rejects: `write` stores what is
   * missing.
   */
  keep?(image: ImageTrees): Promise<void>;
  /** Writes images that were checked: only what is missing, and names last. */
  write(images: readonly Placed[], options?: WriteOptions): Promise<WriteResult>;
  /** Asks what `write` would send, without writing; resolves with undefined if the destination cannot tell. */
  survey?(images: readonly Placed[], options?: WriteOptions): Promise<Survey<Placed> | undefined>;
  close(): Promise<void>;
}

/** What a write would do. */
export interface Survey<Placed = unknown> extends Pick<WriteResult, 'blobs' | 'bytes'> {
  /** What the name of each image stands for at the destination. */
  standings: ReadonlyMap<Placed, Standing>;
  /** What would be written to files: the images, first those that were given and then those that are kept. */
  plan?: Plan;
  /** The size of the file or layout afterwards. */
  size?: OutputSize;
}

/**
 * Bytes of an output, as far as they are known before it is written: `exact`; `about`, for a layout and for an archive that
 * is compressed as a whole; `atLeast`, if layers are unpacked.
 */
export interface OutputSize {
  bytes: number;
  kind: 'exact' | 'about' | 'atLeast';
}

/**
 * A name that is not there yet, that stands for the same image, or that would move to another one; `unknown` if the name
 * is there and only the push, which compresses layers, shows whether it is the same image.
 */
export type Standing = 'new' | 'same' | 'moves' | 'unknown';

export interface WriteOptions extends Omit<CopyOptions, 'beforeNaming' | 'pool'> {
  /** Keep images that are already there; default false. */
  append?: boolean | undefined;
  /** Images that could not be read; they are reported as failures in the result, too. */
  failures?: Plan['failures'] | undefined;
}

export interface WriteResult {
  images: WrittenImage[];
  /** Images that were there before, and are kept. */
  kept: PlannedImage[];
  /**
   * Blobs by origin: `mounted` ones came from another repository of the same registry, `present` ones were already
   * there.
   */
  blobs: { total: number; sent: number; mounted: number; present: number };
  bytes: { total: number; sent: number };
  failures: { name: string; error: unknown }[];
}

export interface WrittenImage {
  name: string;
  /** The name at the destination. */
  written: string;
  digest: Digest;
  planned: PlannedImage;
}

export interface CheckRules {
  /** Keep images that are already there; default false. */
  append?: boolean | undefined;
  onEvent?: OnCopyEvent | undefined;
}
