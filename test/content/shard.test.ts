import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseReference } from '../../src/content/reference.js';
import { isInShard, parseShard, shardOf } from '../../src/content/shard.js';

/** The repositories of a list such as a platform team has: 300, at a few registries, in folders. */
const REPOSITORIES = Array.from({ length: 300 }, (_, i) => {
  const registry = ['docker.io', 'ghcr.io', 'quay.io', 'registry.example.com:5000'][i % 4];
  return parseReference(`${registry}/team-${i % 17}/service-${i}`);
});

/** By `printf %s docker.io/library/alpine | sha256sum`, among 2, 8, 20 and 1000. */
const DEALT = [
  [1, 7, 15, 335],
  [1, 7, 15, 855],
  [1, 3, 3, 43],
];
const EVEN = [32, 31, 36, 40, 38, 43, 36, 44];

describe('shards', () => {
  it('are I/N, counted from 0', () => {
    assert.deepEqual(parseShard('0/4'), { index: 0, count: 4 });
    assert.deepEqual(parseShard('3/4'), { index: 3, count: 4 });
    assert.deepEqual(parseShard('0/1'), { index: 0, count: 1 });
    for (const [text, hint] of [
      ['4/4', /the first is 0\/4 and the last is 3\/4/],
      ['5/4', /the last is 3\/4/],
      ...['-1/4', '1.5/4', '1/4.0', '1', '/4', '1/', 'a/b', ' 1/4', '1/4 ', '1e1/20', '0x1/4', ''].map(
        (wrong) => [wrong, /two whole numbers: of 4 shards, the first is 0\/4/] as const,
      ),
    ] as const)
      assert.throws(
        () => parseShard(text),
        (error: { code?: string; hint?: string }) => {
          assert.equal(error.code, 'USAGE', text);
          assert.match(error.hint ?? '', hint, text);
          return true;
        },
        text,
      );
    assert.throws(() => parseShard('0/0'), /among 1 or more shards, not 0/);
  });

  // Two versions of lading, or a script of somebody's own, work on one list: the rule is written down, and stays.
  it('are dealt by the SHA-256 of the repository, whatever the tag and the spelling', () => {
    const dealt = ['alpine', 'ghcr.io/org/app', 'registry.example.com:5000/shop/web'].map((name) =>
      [2, 8, 20, 1000].map((count) => shardOf(parseReference(name), count)),
    );
    assert.deepEqual(dealt, DEALT);
    for (const spelling of ['alpine:3.20', 'docker.io/library/alpine', 'index.docker.io/library/alpine:1'])
      assert.equal(shardOf(parseReference(spelling), 1000), DEALT[0]?.[3], spelling);
  });

  it('have each repository once', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}(\/[a-z0-9]{1,8}){0,2}$/), { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        (repositories, count) => {
          const references = repositories.map((repository) => parseReference(`r.example/${repository}`));
          const shares = Array.from({ length: count }, (_, index) =>
            references.filter((reference) => isInShard(reference, { index, count })),
          );
          assert.equal(shares.flat().length, references.length);
          assert.deepEqual(new Set(shares.flat()), new Set(references));
        },
      ),
    );
  });

  it('of 300 repositories over 8 are as even as docs/scale.md says', () => {
    const sizes = Array.from(
      { length: 8 },
      (_, index) => REPOSITORIES.filter((each) => isInShard(each, { index, count: 8 })).length,
    );
    assert.deepEqual(sizes, EVEN);
  });
});
