import assert from 'node:assert/strict';
import { digestOf, encodedOf } from '../../src/content/digest.js';
import { referrersTag } from '../../src/content/referrers-tag.js';

describe('referrersTag', () => {
  it('names the subject, the encoded part of a long digest cut to 64 characters', () => {
    const digest = digestOf(Buffer.from('x'));
    assert.equal(referrersTag(digest), `sha256-${encodedOf(digest)}`);
    const long = digestOf(Buffer.from('x'), 'sha512');
    assert.equal(referrersTag(long), `sha512-${encodedOf(long).slice(0, 64)}`);
  });
});
