import { messageOf } from '../../errors.js';
import type { AccessEntry } from './access-log.js';

/** Called for every request when its response has ended. */
export type Observer = (entry: AccessEntry) => void;

/**
 * Wraps an observer so that its errors, thrown or from the promise of an async function, do not affect the server. The
 * first error is reported, later ones are not; the observer is still called for every request.
 */
export function harmless(observe: Observer, report: (message: string) => void): Observer {
  let reported = false;
  return (entry) => {
    (async () => observe(entry))().catch((error: unknown) => {
      if (reported) return;
      reported = true;
      report(`onRequest failed; further failures are not reported: ${messageOf(error)}`);
    });
  };
}
