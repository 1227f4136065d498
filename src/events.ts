import type { Descriptor } from './content/descriptor.js';

/** Events of a running copy. */
export type CopyEvent =
  /** An image was found; it is planned next. */
  | { type: 'resolved'; name: string; descriptor: Descriptor }
  /** It is known what will be copied. */
  | { type: 'planned'; images: number; blobs: number; bytes: number }
  | { type: 'started'; descriptor: Descriptor }
  /** Bytes of a blob were received (`fetched`), or found from an earlier run (`kept`). */
  | { type: 'received'; descriptor: Descriptor; bytes: number; origin: 'kept' | 'fetched' }
  /** The destination already has the content. */
  | { type: 'skipped'; descriptor: Descriptor }
  | { type: 'done'; descriptor: Descriptor }
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
    }
  /** Another process (`holder`) is writing to the output; this one continues when it has finished. */
  | { type: 'waiting'; holder: string }
  /** The user should know about something that does not stop the copy. */
  | { type: 'warning'; message: string };

export type OnCopyEvent = (event: CopyEvent) => void;
