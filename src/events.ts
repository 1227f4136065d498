import type { Descriptor } from './content/descriptor.js';
import type { Remedy } from './remedy.js';

/** What a copy tells while it runs. */
export type CopyEvent =
  /** An image was found, and is about to be planned. */
  | { type: 'resolved'; name: string; descriptor: Descriptor }
  /** Everything that will be copied is known. */
  | { type: 'planned'; images: number; blobs: number; bytes: number }
  | { type: 'started'; descriptor: Descriptor }
  /** Bytes of a blob arrived, or were found from an earlier run (`kept`). */
  | { type: 'received'; descriptor: Descriptor; bytes: number; origin: 'kept' | 'fetched' }
  /** The destination has it already. */
  | { type: 'skipped'; descriptor: Descriptor }
  | { type: 'done'; descriptor: Descriptor }
  | { type: 'retrying'; what: string; attempt: number; delayMs: number; error: unknown }
  | { type: 'tagged'; name: string; descriptor: Descriptor }
  /** An image cannot be copied; the others go on. */
  | { type: 'failed'; name: string; error: unknown }
  /** What a registry told of the pulls that it still allows. */
  | {
      type: 'limited';
      registry: string;
      limit: number | undefined;
      remaining: number | undefined;
      windowSeconds: number | undefined;
    }
  /** Bytes were hashed, of so many that will be. */
  | { type: 'hashed'; bytes: number; totalBytes: number }
  /** Another process writes to the output; this one goes on when it has ended. */
  | { type: 'waiting'; holder: string }
  /** Something that the user should know and that stops nothing. */
  | {
      type: 'warning';
      message: string;
      /** What can be done about it, as a word to compare, and what that is for where the word needs it. */
      remedy?: Remedy | undefined;
      remedyFor?: string | undefined;
    };

export type OnCopyEvent = (event: CopyEvent) => void;

/** Reports warnings that have nothing but their text. */
export function warningsTo(onEvent: OnCopyEvent | undefined): (message: string) => void {
  return (message) => onEvent?.({ type: 'warning', message });
}
