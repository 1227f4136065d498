/** Ends an attempt for which no answer has begun in time. */
export interface AnswerLimit {
  /** Aborts when the time is over, until `answered` is called, and when the caller's own signal does. */
  readonly signal: AbortSignal | undefined;
  readonly isOver: boolean;
  /** The answer has begun: its body takes as long as it takes. Also ends the timer of an attempt that has failed. */
  answered(): void;
}

/**
 * Returns the limit for an attempt that begins now. `leftMs` are the milliseconds until an answer must have begun;
 * infinite if it may take any time.
 */
export function limitAnswer(leftMs: number, signal: AbortSignal | undefined): AnswerLimit {
  if (leftMs === Number.POSITIVE_INFINITY) return { signal, isOver: false, answered: () => undefined };
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), Math.max(0, leftMs));
  return {
    signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
    get isOver() {
      return late.signal.aborted;
    },
    answered: () => clearTimeout(timer),
  };
}
