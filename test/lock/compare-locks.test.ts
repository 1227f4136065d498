import assert from 'node:assert/strict';
import type { Digest } from '../../src/content/digest.js';
import { compareLocks } from '../../src/lock/compare-locks.js';
import type { Lock, LockedImage } from '../../src/lock/lock.js';

const digest = (fill: string): Digest => `sha256:${fill.repeat(64)}`;

function lockOf(...images: (Pick<LockedImage, 'name' | 'digest'> & Partial<LockedImage>)[]): Lock {
  return {
    selection: { referrers: true, includeForeign: false },
    images: images.map((image) => ({ platforms: [], by: 'name', attachments: [], origins: [], ...image })),
    patterns: [],
  };
}

describe('the difference of two locks', () => {
  it('says what moved with its platforms, what came and what went', () => {
    const before = lockOf(
      { name: 'r/a:1', digest: digest('a'), platforms: ['linux/amd64', 'linux/s390x'] },
      { name: 'r/b:1', digest: digest('b') },
      { name: 'r/c:1', digest: digest('c') },
    );
    const after = lockOf(
      { name: 'r/a:1', digest: digest('d'), platforms: ['linux/amd64', 'linux/arm64'] },
      { name: 'r/c:1', digest: digest('c') },
      { name: 'r/e:1', digest: digest('e') },
    );
    assert.deepEqual(compareLocks(before, after), {
      moved: [
        {
          name: 'r/a:1',
          from: digest('a'),
          to: digest('d'),
          addedPlatforms: ['linux/arm64'],
          gonePlatforms: ['linux/s390x'],
        },
      ],
      added: [{ name: 'r/e:1', digest: digest('e') }],
      gone: [{ name: 'r/b:1', digest: digest('b') }],
      attachments: [],
      unchanged: 1,
    });
  });

  it('compares the digests of a name that has two', () => {
    const before = lockOf({ name: 'r/a:1', digest: digest('a') }, { name: 'r/a:1', digest: digest('b') });
    const after = lockOf({ name: 'r/a:1', digest: digest('b') });
    const { gone, moved, unchanged } = compareLocks(before, after);
    assert.deepEqual([gone, moved, unchanged], [[{ name: 'r/a:1', digest: digest('a') }], [], 1]);
  });

  it('says which attachments came, and nothing of a lock that does not say', () => {
    const signed = { digest: digest('f'), mediaType: 'x/y', size: 1, subject: digest('a') };
    const bare = lockOf({ name: 'r/a:1', digest: digest('a') });
    const after = lockOf({ name: 'r/a:1', digest: digest('a'), attachments: [signed] });
    assert.deepEqual(compareLocks(bare, after).attachments, [
      { name: 'r/a:1', added: [digest('f')], gone: [] },
    ]);
    const unknown = lockOf({ name: 'r/a:1', digest: digest('a'), attachments: undefined });
    assert.equal(compareLocks(unknown, after).unchanged, 1);
  });
});
