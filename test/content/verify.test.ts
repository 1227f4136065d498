import assert from 'node:assert/strict';
import type { Descriptor } from '../../src/content/descriptor.js';
import { digestOf } from '../../src/content/digest.js';
import { createVerifier } from '../../src/content/verify.js';

const BYTES = Buffer.from('0123456789');

function verify(descriptor: Partial<Descriptor>, ...chunks: Buffer[]): void {
  const verifier = createVerifier({
    mediaType: 'application/octet-stream',
    digest: digestOf(BYTES),
    size: BYTES.length,
    ...descriptor,
  });
  for (const chunk of chunks) verifier.update(chunk);
  verifier.finish();
}

describe('createVerifier', () => {
  it('passes content that is what its descriptor says, by any algorithm', () => {
    assert.doesNotThrow(() => verify({}, BYTES.subarray(0, 3), BYTES.subarray(3)));
    for (const algorithm of ['sha384', 'sha512'] as const) {
      assert.doesNotThrow(() => verify({ digest: digestOf(BYTES, algorithm) }, BYTES));
    }
    assert.doesNotThrow(() => verify({ digest: digestOf(Buffer.alloc(0)), size: 0 }));
  });

  it('refuses the first byte too many, before it is hashed', () => {
    const verifier = createVerifier({ mediaType: '', digest: digestOf(BYTES), size: 10 });
    verifier.update(BYTES);
    assert.throws(() => verifier.update(Buffer.from('x')), { code: 'SIZE_MISMATCH', message: /10 bytes/ });
    assert.equal(verifier.size, 10);
  });

  it('tells content that ended early from content that is other', () => {
    assert.throws(() => verify({}, BYTES.subarray(1)), { code: 'CUT_SHORT', message: /9 of 10/ });
    assert.throws(() => verify({}, Buffer.from('0123456780')), {
      code: 'DIGEST_MISMATCH',
      message: new RegExp(`${digestOf(BYTES)}.*${digestOf(Buffer.from('0123456780'))}`),
    });
  });
});
