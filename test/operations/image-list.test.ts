import assert from 'node:assert/strict';
import { parseImageList } from '../../src/operations/image-list.js';

describe('parseImageList', () => {
  it('reads a name a line, without comments, spaces and empty lines', () => {
    const text = '# what we need\r\nbusybox:1.36\n\n  reg.test:5000/a@sha256:abc  # pinned\n\t#busybox\nlast';
    assert.deepEqual(parseImageList(text), ['busybox:1.36', 'reg.test:5000/a@sha256:abc', 'last']);
    assert.deepEqual(parseImageList(''), []);
  });

  it('takes # for a comment only where a word begins', () => {
    assert.deepEqual(parseImageList('a#b # c'), ['a#b']);
  });
});
