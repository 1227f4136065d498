import { messageOf } from '../../errors.js';
import type { AccessEntry } from './access-log.js';

/** Who is told of every request when its answer is over. */
export type Observer = (entry: AccessEntry) => void;

/**
 * An observer that cannot do harm: the first error of `observe`, thrown or of the promise that an async function
 * returns, is reported, the others are not, and every request is still told.
 */
export function harmless(observe: Observer, report: (message: string) => void): Observer {
  let reported = false;
  return (entry) => {
    (async () => observe(entry))().catch((error: unknown) => {
      if (reported) return;
      reported = true;
      report(`onRequest failed, which is said this once: ${messageOf(error)}`);
    });
  };
}
