import type { Descriptor } from './content/descriptor.js';
import type { Remedy } from './remedy.js';

/** A blob comes over more or fewer connections from now on. */
export interface ConnectionsEvent {
  type: 'connections';
  descriptor: Descriptor;
  connections: number;
  /**
   * `narrow`: one connection was the limit, and a second one added to the rate. `total`: a second one added nothing.
   * `refused`: the registry sends no ranges. `failed`: a connection was refused or broke. `damaged`: what came over several
   * connections was not the blob.
   */
  reason: 'narrow' | 'total' | 'refused' | 'failed' | 'damaged';
  error?: unknown;
}

/** Events of a running copy. */
export type CopyEvent =
  /** So many images are read next, to find out what they consist of. */
  | { type: 'reading'; images: number }
  /** An image was found; its manifests are read next. */
  | { type: 'resolved'; name: string; descriptor: Descriptor }
  /** It is known what an image consists of. */
  | { type: 'read'; name: string }
  /** It is known what will be copied. */
  | { type: 'planned'; images: number; blobs: number; bytes: number }
  /** The copy of a blob or manifest begins; of a blob, `name` is the first image that needs it. */
  | { type: 'started'; descriptor: Descriptor; name: string | undefined }
  /** Bytes of a blob were received (`fetched`), or found from an earlier run (`kept`). */
  | { type: 'received'; descriptor: Descriptor; bytes: number; origin: 'kept' | 'fetched' }
  /** The destination already has the content. */
  | { type: 'skipped'; descriptor: Descriptor }
  | { type: 'done'; descriptor: Descriptor }
  /** All blobs of an image are at the destination; its manifests and its name follow. */
  | { type: 'copied'; name: string }
  /** So many images are converted next, those that need it, with so many bytes of blobs. */
  | { type: 'converting'; images: number; bytes: number }
  /** Bytes of layers were read to convert them, or need not be read. */
  | { type: 'processed'; bytes: number }
  | { type: 'converted'; name: string }
  | { type: 'retrying'; what: string; attempt: number; delayMs: number; error: unknown }
  | { type: 'tagged'; name: string; descriptor: Descriptor }
  /** An image cannot be copied; the others are. */
  | { type: 'failed'; name: string; error: unknown }
  /** A registry reported its limit of pulls and how many remain. */
  | {
      type: 'limited';
      registry: string;
      limit: number | undefined;
      remaining: number | undefined;
      windowSeconds: number | undefined;
      source?: string | undefined;
    }
  /** A registry has no pulls left; the next one is asked for after this time. */
  | {
      type: 'pausing';
      registry: string;
      delayMs: number;
      limit: number | undefined;
      windowSeconds: number | undefined;
    }
  /** A registry gets more or fewer small requests at once from now on. */
  | { type: 'paced'; registry: string; limit: number; reason: 'faster' | 'slower' | 'refused' }
  | ConnectionsEvent
  /**
   * Bytes of an archive were read to unpack it into a temporary file: one that is compressed as a whole, or a stream,
   * whose total is unknown.
   */
  | { type: 'unpacked'; bytes: number; totalBytes: number | undefined }
  /** Bytes were hashed; `totalBytes` is the number of all bytes to hash. */
  | { type: 'hashed'; bytes: number; totalBytes: number }
  /** Another process (`holder`) is writing to the output; this one continues when it has finished. */
  | { type: 'waiting'; holder: string }
  /** The user should know about something that does not stop the operation. */
  | {
      type: 'warning';
      message: string;
      /** What can be done about it, as a word to compare, and what it applies to if the word needs that. */
      remedy?: Remedy | undefined;
      remedyFor?: string | undefined;
    };

export type OnCopyEvent = (event: CopyEvent) => void;

/** Returns a function that reports what was unpacked. */
export function unpackedTo(
  onEvent: OnCopyEvent | undefined,
): (bytes: number, totalBytes: number | undefined) => void {
  return (bytes, totalBytes) => onEvent?.({ type: 'unpacked', bytes, totalBytes });
}

/** Returns a function that reports warnings without a remedy. */
export function warningsTo(onEvent: OnCopyEvent | undefined): (message: string) => void {
  return (message) => onEvent?.({ type: 'warning', message });
}
