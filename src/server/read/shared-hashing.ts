import type { Descriptor } from '../../content/descriptor.js';
import { cutShort, type Verifier } from '../../content/verify.js';

/**
 * One hashing of a blob for all who read it at once: each stretch is hashed by the first who has read it. Everyone
 * reads from the first byte on, so whoever comes to the end finds all before it hashed. Nobody waits for another,
 * and nothing is read or hashed but what a client is sent: when all have left, the work has stopped.
 *
 * Sound only where all of them read the same bytes; that is for the caller to know.
 */
export class SharedHashing {
  readonly #blob: Descriptor;
  /** Has seen as much as the foremost reader. */
  readonly #verifier: Verifier;
  readonly #onVerdict: (isRight: boolean) => void;
  #verdict: 'none yet' | 'right' | { problem: unknown } = 'none yet';

  /** `verifier` is one for the blob that has seen nothing; `onVerdict` is told once, when all bytes are hashed. */
  constructor(blob: Descriptor, verifier: Verifier, onVerdict: (isRight: boolean) => void) {
    this.#blob = blob;
    this.#verifier = verifier;
    this.#onVerdict = onVerdict;
  }

  /** The verifier of one more reader. It throws as soon as anybody has found the blob to be wrong. */
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
