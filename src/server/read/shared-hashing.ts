import type { Descriptor } from '../../content/descriptor.js';
import { cutShort, type Verifier } from '../../content/verify.js';

/**
 * Hashes a blob once for all concurrent readers: each part is hashed by the first reader that gets to it. All readers
 * start at the first byte, so when one reaches the end, everything before is hashed. No reader waits for another,
 * and only bytes that are sent to a client are read and hashed, so the work stops when all readers have left.
 *
 * Correct only if all readers get the same bytes, which the caller has to ensure.
 */
export class SharedHashing {
  readonly #blob: Descriptor;
  /** Has hashed as much as the foremost reader has read. */
  readonly #verifier: Verifier;
  readonly #onVerdict: (isRight: boolean) => void;
  #verdict: 'none yet' | 'right' | { problem: unknown } = 'none yet';

  /** `verifier` is a fresh one for the blob; `onVerdict` is called once, when all bytes are hashed. */
  constructor(blob: Descriptor, verifier: Verifier, onVerdict: (isRight: boolean) => void) {
    this.#blob = blob;
    this.#verifier = verifier;
    this.#onVerdict = onVerdict;
  }

  /** Returns a verifier for another reader. It throws as soon as any reader has found that the blob is damaged. */
  join(): Verifier {
    let position = 0;
    return {
      update: (chunk) => {
        this.#requireNoProblem();
        const hashedBefore = this.#verifier.size - position;
        if (hashedBefore < chunk.byteLength) this.#verifier.update(chunk.subarray(hashedBefore));
        position += chunk.byteLength;
      },
      get size() {
        return position;
      },
      finish: () => {
        if (position < this.#blob.size) throw cutShort(this.#blob, position);
        if (this.#verdict === 'none yet') this.#judge();
        this.#requireNoProblem();
      },
    };
  }

  #judge(): void {
    try {
      this.#verifier.finish();
      this.#verdict = 'right';
    } catch (problem) {
      this.#verdict = { problem };
    }
    this.#onVerdict(this.#verdict === 'right');
  }

  #requireNoProblem(): void {
    if (typeof this.#verdict === 'object') throw this.#verdict.problem;
  }
}
