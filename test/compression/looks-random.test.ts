import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { looksRandom } from '../../src/compression/looks-random.js';

describe('looksRandom', () => {
  it('says so of bytes that are equally frequent', () => {
    assert.equal(looksRandom(randomBytes(512 * 1024)), true);
  });

  it('says so of what was compressed before', () => {
    const text = Array.from({ length: 60_000 }, (_, index) => sha256(`${index}`).toString('hex')).join('\n');
    assert.equal(looksRandom(gzipSync(text).subarray(0, 512 * 1024)), true);
  });

  it('does not say so of text, of zeros, nor of a program', async () => {
    const text = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(10_000));
    assert.equal(looksRandom(text), false);
    assert.equal(looksRandom(new Uint8Array(512 * 1024)), false);
    // Like real machine code: a few instructions are far more frequent than others.
    const code = randomBytes(512 * 1024).map((byte) => (byte < 64 ? 0x48 : byte));
    assert.equal(looksRandom(code), false);
  });

  it('does not say so of a block that deflate makes a fifth smaller', () => {
    const content = randomBytes(512 * 1024);
    for (let start = 0; start < content.length; start += 4096) content.fill(0, start, start + 1024);
    assert.ok(deflateRawSync(content).length < content.length * 0.8);
    assert.equal(looksRandom(content), false);
  });

  it('does not say so of random bytes that come again', () => {
    for (const period of [100, 8192, 31 * 1024]) {
      const content = Buffer.alloc(512 * 1024, randomBytes(period));
      assert.ok(deflateRawSync(content).length < content.length / 2);
      assert.equal(looksRandom(content), false, `every ${period} bytes`);
    }
    assert.equal(looksRandom(Buffer.alloc(512 * 1024, randomBytes(150_000))), true, 'too far for deflate');
  });

  it('does not judge what is soon compressed', () => {
    assert.equal(looksRandom(randomBytes(128 * 1024)), true);
    assert.equal(looksRandom(randomBytes(128 * 1024 - 1)), false);
    assert.equal(looksRandom(new Uint8Array(0)), false);
  });
});

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Returns the same bytes in every run. */
function randomBytes(length: number): Buffer {
  const parts = Array.from({ length: Math.ceil(length / 32) }, (_, index) => sha256(`random ${index}`));
  return Buffer.concat(parts).subarray(0, length);
}
