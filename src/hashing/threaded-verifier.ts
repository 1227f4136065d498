import type { Descriptor } from '../content/descriptor.js';
import { algorithmOf } from '../content/digest.js';
import { cutShort, digestMismatch, tooLong, type Verifier } from '../content/verify.js';
import { createStreamHash } from './stream-hash.js';

/** As `Verifier`, with the hash of large content made in a thread. */
export interface ThreadedVerifier extends Omit<Verifier, 'update' | 'finish'> {
  /** Throws as `Verifier` does; resolves when the bytes of the chunk may change again. */
  update(chunk: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  /** Ends what was not finished. */
  close(): void;
}

export function createThreadedVerifier(descriptor: Descriptor): ThreadedVerifier {
  const algorithm = algorithmOf(descriptor.digest);
  const hash = createStreamHash(algorithm, descriptor.size);
  let size = 0;
  return {
    update(chunk) {
      if (size + chunk.byteLength > descriptor.size) throw tooLong(descriptor);
      size += chunk.byteLength;
      return hash.update(chunk);
    },
    get size() {
      return size;
    },
    async finish() {
      if (size < descriptor.size) throw cutShort(descriptor, size);
      const actual = `${algorithm}:${await hash.digest()}` as const;
      if (actual !== descriptor.digest) throw digestMismatch(descriptor, actual);
    },
    close: () => hash.close(),
  };
}
