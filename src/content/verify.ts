import { type Advice, ContentError } from '../errors.js';
import type { Descriptor } from './descriptor.js';
import { algorithmOf, createDigester, type Digester } from './digest.js';

/** Checks content against its descriptor, chunk by chunk. */
export interface Verifier {
  /** Throws `SIZE_MISMATCH` as soon as there are more bytes than the descriptor allows. */
  update(chunk: Uint8Array): void;
  /** Bytes seen so far. */
  readonly size: number;
  /** Throws `CUT_SHORT` if bytes are missing, `DIGEST_MISMATCH` if the content has another digest. */
  finish(): void;
}

export function createVerifier(descriptor: Descriptor): Verifier {
  const digester: Digester = createDigester(algorithmOf(descriptor.digest));
  return {
    update(chunk) {
      if (digester.size + chunk.byteLength > descriptor.size) throw tooLong(descriptor);
      digester.update(chunk);
    },
    get size() {
      return digester.size;
    },
    finish() {
      if (digester.size < descriptor.size) throw cutShort(descriptor, digester.size);
      const actual = digester.digest();
      if (actual !== descriptor.digest) throw digestMismatch(descriptor, actual);
    },
  };
}

/** Passes content on; throws as `createVerifier` does: when it gets too long, or at its end. */
export async function* verified(
  descriptor: Descriptor,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const verifier = createVerifier(descriptor);
  for await (const chunk of source) {
    verifier.update(chunk);
    yield chunk;
  }
  verifier.finish();
}

export function tooLong(descriptor: Descriptor): ContentError {
  return new ContentError(
    'SIZE_MISMATCH',
    `${descriptor.digest} is longer than the ${descriptor.size} bytes that its descriptor gives`,
    {
      hint: 'The source sends other content than its manifest promises; ask its owner, or try another mirror.',
    },
  );
}

export function cutShort(descriptor: Descriptor, size: number): ContentError {
  return new ContentError(
    'CUT_SHORT',
    `${descriptor.digest} ended after ${size} of ${descriptor.size} bytes`,
    {
      hint: 'Run the command again; it continues after the bytes it already has.',
    },
  );
}

export function digestMismatch(descriptor: Descriptor, actual: string): ContentError {
  return new ContentError(
    'DIGEST_MISMATCH',
    `${descriptor.digest} has other content: its digest is ${actual}`,
    {
      hint: 'The content was damaged on its way or at its source; run the command again, or try another source.',
    },
  );
}

/** Returns advice for damaged content in a file, where reading it again does not help. */
export function askForNew(image: string): Advice {
  return { hint: `Ask whoever made it for a new save of ${image}.`, remedy: 'verify' };
}
