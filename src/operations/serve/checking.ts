/** How long an answer is good. */
const CHECKED_MS = 1000;

/**
 * Returns a check that asks with `ask`, at most once a second, since probes come every few seconds from everybody. After a
 * failure it rejects at once, and asks anew meanwhile, so that no probe waits for a service that hangs. When the service
 * works again, one more probe therefore still fails.
 */
export function checking(
  ask: () => Promise<void>,
  now: () => number = () => performance.now(),
): () => Promise<void> {
  let latest: { at: number; answer: Promise<void> } | undefined;
  /** Of the answer to the latest question that has one: answers may come in another order. */
  let known: { at: number; failure?: { error: unknown } } | undefined;

  const settle = (outcome: NonNullable<typeof known>): void => {
    if (known === undefined || outcome.at > known.at) known = outcome;
  };
  const begin = (at: number): { at: number; answer: Promise<void> } => {
    const answer = ask();
    answer.then(
      () => settle({ at }),
      (error: unknown) => settle({ at, failure: { error } }),
    );
    return { at, answer };
  };
  return async () => {
    const at = now();
    if (latest === undefined || at - latest.at > CHECKED_MS) latest = begin(at);
    if (known?.failure !== undefined) throw known.failure.error;
    return latest.answer;
  };
}
