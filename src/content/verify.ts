import { type Advice, ContentError } from '../errors.js';
import type { Descriptor } from './descriptor.js';
import { algorithmOf, createDigester, type Digester } from './digest.js';

/** Checks content that streams by against its descriptor. */
export interface Verifier {
  /** Throws `SIZE_MISMATCH` as soon as there are more bytes than the descriptor allows. */
  update(chunk: Uint8Array): void;
  /** Bytes seen so far. */
  readonly size: number;
  /** Throws `CUT_SHORT` when bytes are missing, `DIGEST_MISMATCH` when they are others. */
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

/** Passes content on; throws at its end, or where it grows too long, when it is not what its descriptor says. */
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
    `${descriptor.digest} is longer than the ${descriptor.size} bytes its descriptor says`,
    {
      hint: 'The source sends something else than what its manifest names; ask its owner, or try another mirror.',
    },
  );
}

export function cutShort(descriptor: Descriptor, size: number): ContentError {
  return new ContentError(
    'CUT_SHORT',
    `${descriptor.digest} ended after ${size} of ${descriptor.size} bytes`,
    {
      hint: 'Run the command again; it goes on from the byte it has.',
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

/** What to do about content of a file that is damaged, and stays so however often it is read. */
export function askForNew(image: string): Advice {
  return { hint: `Ask whoever made it for a new save of ${image}.`, remedy: 'verify' };
}
