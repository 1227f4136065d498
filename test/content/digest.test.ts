import assert from 'node:assert/strict';
import {
  algorithmOf,
  createDigester,
  digestOf,
  digestProblem,
  encodedOf,
  isDigest,
  parseDigest,
} from '../../src/content/digest.js';

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('parseDigest', () => {
  it('takes the three algorithms with their exact lengths', () => {
    for (const [algorithm, length] of [
      ['sha256', 64],
      ['sha384', 96],
      ['sha512', 128],
    ] as const) {
      const digest = parseDigest(`${algorithm}:${'0a'.repeat(length / 2)}`);
      assert.equal(algorithmOf(digest), algorithm);
      assert.equal(encodedOf(digest).length, length);
    }
  });

  it('refuses whatever could become another path or URL, and says why', () => {
    const refused: [text: string, problem: RegExp][] = [
      ['', /no algorithm/],
      ['a'.repeat(64), /no algorithm/],
      [`md5:${'a'.repeat(32)}`, /"md5" is not supported/],
      [`SHA256:${'a'.repeat(64)}`, /not supported/],
      [`__proto__:${'a'.repeat(64)}`, /not supported/],
      [`toString:${'a'.repeat(64)}`, /not supported/],
      [`sha256:${'a'.repeat(63)}`, /needs 64 characters, it has 63/],
      [`sha512:${'a'.repeat(64)}`, /needs 128/],
      [`sha256:${'A'.repeat(64)}`, /lower-case/],
      [`sha256:${'../'.repeat(21)}a`, /lower-case/],
      [`sha256:${'a'.repeat(63)}\n`, /lower-case/],
      [`sha256:${'a'.repeat(62)}\u{1d7ce}`, /lower-case/],
    ];
    for (const [text, problem] of refused) {
      assert.throws(() => parseDigest(text), { code: 'INVALID_DIGEST', message: problem });
      assert.equal(isDigest(text), false);
      assert.match(digestProblem(text) ?? '', problem);
    }
    for (const value of [undefined, null, 7, { length: 71 }]) assert.equal(isDigest(value), false);
  });
});

describe('digestOf and createDigester', () => {
  it('name bytes by their hash, in one piece or many', () => {
    assert.equal(digestOf(Buffer.alloc(0)), EMPTY);
    const digester = createDigester('sha512');
    digester.update(Buffer.from('la'));
    digester.update(Buffer.from('ding'));
    assert.equal(digester.size, 6);
    assert.equal(digester.digest(), digestOf(Buffer.from('lading'), 'sha512'));
  });
});
