import assert from 'node:assert/strict';
import { Gathered } from '../../src/content/gathered.js';
import { randomBytesFrom } from '../support/images.js';

const bytes = randomBytesFrom('gathered', 300_000);

describe('Gathered', () => {
  const sizes: Record<string, readonly number[]> = {
    'of one byte each': [1],
    'large ones': [100_000],
    'small and large ones in turn': [1, 5000, 4095, 4096, 3],
    'empty ones among them': [0, 7, 0, 20_000],
  };
  for (const [what, pattern] of Object.entries(sizes)) {
    it(`gives back chunks as they came together: ${what}`, () => {
      const gathered = new Gathered();
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = pattern[turn % pattern.length] ?? 1;
        gathered.add(bytes.subarray(at, at + size));
        at += size;
      }
      assert.equal(gathered.bytes, bytes.length);
      assert.ok(gathered.takeWhole().equals(bytes));
      assert.equal(gathered.bytes, 0);
    });
  }

  it('takes no more memory for single bytes than for all at once', () => {
    const gathered = new Gathered();
    for (const byte of bytes) gathered.add(Buffer.of(byte));
    assert.ok(gathered.take().length < 30);
  });

  it('changes nothing in what it gave away when more comes', () => {
    const gathered = new Gathered();
    for (const byte of bytes.subarray(0, 1000)) gathered.add(Buffer.of(byte));
    const first = gathered.take();
    for (const byte of bytes.subarray(1000, 2000)) gathered.add(Buffer.of(byte));
    assert.ok(Buffer.concat(first).equals(bytes.subarray(0, 1000)));
    assert.ok(gathered.takeWhole().equals(bytes.subarray(1000, 2000)));
  });
});
