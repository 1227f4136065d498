import { type CopyEvent, isLadingError, messageOf, printable } from '../index.js';
import { formatDuration, plural } from './format.js';

type RetryEvent = Extract<CopyEvent, { type: 'retrying' }>;

/** The same trouble is shown again after this time, if it has not ended. */
const AGAIN_MS = 10_000;

/**
 * Says why requests are repeated, once for all that have the same trouble: with a registry that restarts, every request of
 * the run fails several times.
 */
export class RetryNotices {
  readonly #shown = new Map<string, { at: number; since: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Returns what the user should read, or undefined if that was shown a short time ago. */
  take(event: RetryEvent): string | undefined {
    const at = this.#now();
    const trouble = troubleOf(event);
    const shown = this.#shown.get(trouble);
    if (shown !== undefined && at - shown.at < AGAIN_MS) {
      shown.since++;
      return undefined;
    }
    const others =
      shown === undefined || shown.since === 0 ? '' : `; ${plural(shown.since, 'attempt')} failed so`;
    this.#shown.set(trouble, { at, since: 0 });
    return `${describeRetry(event)}${others}`;
  }
}

export function describeRetry({ delayMs, error, attempt }: RetryEvent): string {
  const wait = delayMs < 1000 ? 'trying again' : `trying again in ${formatDuration(delayMs)}`;
  const which = attempt === 1 ? '' : ` (attempt ${attempt + 1})`;
  return `${printable(messageOf(error))}; ${wait}${which}`;
}

/** The kind of a failure and where it happened. Messages differ, since they may name what was asked for. */
function troubleOf({ what, error }: RetryEvent): string {
  const kind = isLadingError(error) ? error.code : messageOf(error);
  return `${kind} ${URL.canParse(what) ? new URL(what).host : ''}`;
}
