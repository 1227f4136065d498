import type { Descriptor } from '../../../src/content/descriptor.js';
import { createVerifier, type Verifier } from '../../../src/content/verify.js';

/** A verifier that reports what it hashes. */
export function watchedVerifier(descriptor: Descriptor, onHashed: (chunk: Uint8Array) => void): Verifier {
  const verifier = createVerifier(descriptor);
  return {
    update(chunk) {
      verifier.update(chunk);
      onHashed(chunk);
    },
    get size() {
      return verifier.size;
    },
    finish: () => verifier.finish(),
  };
}
