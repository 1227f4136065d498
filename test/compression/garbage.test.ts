import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { Garbage } from '../../src/compression/garbage.js';

const PIECE_BYTES = 256 * 1024;
const MEBIBYTE = 1024 * 1024;

describe('Garbage', () => {
  it('keeps memory low that is allocated and let go of at once', () => {
    const garbage = new Garbage();
    // V8 alone would collect only after 32 MB or more.
    assert.ok(mostHeld((bytes) => garbage.add(bytes)) < 12 * MEBIBYTE);
  });

  it('hides the collector from the program around', () => {
    new Garbage().add(100 * MEBIBYTE);
    assert.equal(runInNewContext('typeof gc'), 'undefined');
  });
});

/** Returns the most bytes in memory while many pieces were made. */
function mostHeld(onAllocated: (bytes: number) => void): number {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let count = 0; count < 400; count++) {
    onAllocated(Buffer.allocUnsafeSlow(PIECE_BYTES).length);
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  return most;
}
