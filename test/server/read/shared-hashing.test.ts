import assert from 'node:assert/strict';
import type { Verifier } from '../../../src/content/verify.js';
import { SharedHashing } from '../../../src/server/read/shared-hashing.js';
import { type Content, contentOf, randomBytesFrom } from '../../support/images.js';
import { watchedVerifier } from './watched-verifier.js';

const blob = contentOf('application/octet-stream', randomBytesFrom('shared', 10_000));

describe('a hashing that readers share', () => {
  let hashed: Buffer[];
  let verdicts: boolean[];
  beforeEach(() => {
    hashed = [];
    verdicts = [];
  });

  function begin({ descriptor }: Content = blob): SharedHashing {
    const verifier = watchedVerifier(descriptor, (chunk) => hashed.push(Buffer.from(chunk)));
    return new SharedHashing(descriptor, verifier, (isRight) => verdicts.push(isRight));
  }

  /** Reads from the reader's position to `end` in chunks of `step`. */
  function readTo(reader: Verifier, end: number, { step = 700, bytes = blob.bytes } = {}): void {
    while (reader.size < end) reader.update(bytes.subarray(reader.size, Math.min(reader.size + step, end)));
  }

  it('hashes each byte once and in order, whoever has read it first', () => {
    const hashing = begin();
    const readers = Array.from({ length: 64 }, () => hashing.join());
    // Each reader has other chunk sizes, so they overtake each other all the time.
    for (let turn = 0; readers.some(({ size }) => size < 10_000); turn += 1) {
      const index = (turn * 29) % readers.length;
      const reader = readers[index];
      if (reader !== undefined)
        readTo(reader, Math.min(10_000, reader.size + 1 + ((turn * 97) % 800)), { step: 50 + index });
    }
    for (const reader of readers) reader.finish();
    assert.ok(Buffer.concat(hashed).equals(blob.bytes));
    assert.deepEqual(verdicts, [true]);
  });

  it('lets a fast reader end beside a slow one, who then has nothing left to hash', () => {
    const hashing = begin();
    const [slow, fast] = [hashing.join(), hashing.join()];
    readTo(slow, 100);
    readTo(fast, 10_000);
    fast.finish();
    assert.deepEqual(verdicts, [true]);
    readTo(slow, 10_000);
    slow.finish();
    assert.ok(Buffer.concat(hashed).equals(blob.bytes));
  });

  it('goes on where the foremost reader has left, and not before another comes there', () => {
    const hashing = begin();
    const [leaving, staying] = [hashing.join(), hashing.join()];
    readTo(leaving, 6000);
    readTo(staying, 5999);
    assert.equal(Buffer.concat(hashed).length, 6000);
    readTo(staying, 10_000);
    staying.finish();
    assert.ok(Buffer.concat(hashed).equals(blob.bytes));
  });

  for (const [place, at] of [
    ['its first byte', 0],
    ['its middle', 5000],
    ['its last byte', 9999],
  ] as const) {
    it(`lets no reader end where the blob is wrong in ${place}`, () => {
      const bytes = Buffer.from(blob.bytes);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const hashing = begin();
      const [first, behind, beside] = [hashing.join(), hashing.join(), hashing.join()];
      readTo(behind, 9000, { bytes });
      readTo(beside, 10_000, { bytes });
      readTo(first, 10_000, { bytes });
      assert.throws(() => first.finish(), { code: 'DIGEST_MISMATCH' });
      assert.throws(() => behind.update(bytes.subarray(9000, 9001)), { code: 'DIGEST_MISMATCH' });
      assert.throws(() => beside.finish(), { code: 'DIGEST_MISMATCH' });
      assert.throws(() => hashing.join().update(bytes.subarray(0, 1)), { code: 'DIGEST_MISMATCH' });
      assert.deepEqual(verdicts, [false]);
    });
  }

  it('refuses who has too little or too much, and only them', () => {
    const hashing = begin();
    const [short, long, right] = [hashing.join(), hashing.join(), hashing.join()];
    readTo(short, 9999);
    assert.throws(() => short.finish(), { code: 'CUT_SHORT', message: /9999 of 10000/ });
    assert.throws(() => long.update(Buffer.concat([blob.bytes, Buffer.from('x')])), {
      code: 'SIZE_MISMATCH',
    });
    readTo(right, 10_000);
    right.finish();
    assert.throws(() => right.update(Buffer.from('x')), { code: 'SIZE_MISMATCH' });
    assert.throws(() => short.finish(), { code: 'CUT_SHORT' });
    assert.deepEqual(verdicts, [true]);
  });

  it('judges an empty blob', () => {
    const empty = contentOf('application/octet-stream', Buffer.alloc(0));
    begin(empty).join().finish();
    const wrong = begin({ ...empty, descriptor: { ...blob.descriptor, size: 0 } }).join();
    assert.throws(() => wrong.finish(), { code: 'DIGEST_MISMATCH' });
    assert.deepEqual(verdicts, [true, false]);
  });
});
