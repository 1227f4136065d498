import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isTagPattern, parseTagPattern, parseTagSelector } from '../../src/content/tag-pattern.js';
import { isLadingError } from '../../src/errors.js';

const ALPINE = [
  '20240606',
  '20240923',
  '3',
  '3.19',
  '3.19.1',
  '3.20',
  '3.20.0',
  '3.20.3',
  '3.21',
  'edge',
  'latest',
];
const NGINX = [
  '1.26',
  '1.26.2',
  '1.26-alpine',
  '1.27',
  '1.27.0',
  '1.27.1',
  '1.27-alpine',
  '1.27-alpine3.20',
  'alpine',
];
const K3S = ['v1.30.4-k3s1', 'v1.31.0-k3s1', 'v1.31.1-k3s1', 'v1.31.1-k3s2', 'v1.32.0-rc1-k3s1', 'latest'];

describe('a selection of tags', () => {
  const cases: [selector: string, tags: string[], taken: string[]][] = [
    ['{>=3.19 <3.22}', ALPINE, ['3.19', '3.19.1', '3.20', '3.20.0', '3.20.3', '3.21']],
    ['{>=3.19 <3.22, newest 2}', ALPINE, ['3.20', '3.20.0', '3.20.3', '3.21']],
    ['{newest 1}', ALPINE, ['3', '3.20.3', '3.21', '20240923']],
    ['{*,newest 1,match /^\\d\\.\\d+$/}', ALPINE, ['3.21']],
    ['{3.20.x}', ALPINE, ['3.20', '3.20.0', '3.20.3']],
    ['{>=3.20, not /\\.\\d+\\./}', ALPINE, ['3.20', '3.21']],
    ['{match /^(latest|edge)$/}', ALPINE, ['edge', 'latest']],
    ['{match /e|3\\.2[0-9]$/}', ALPINE, ['edge', 'latest', '3.20', '3.21']],
    ['{match /e/, newest 3}', ALPINE, []],
    ['{*}', NGINX, ['1.26', '1.26.2', '1.27', '1.27.0', '1.27.1']],
    ['{1.x, match /-alpine$/}', NGINX, ['1.26-alpine', '1.27-alpine']],
    ['{1.x-alpine, newest 1}', NGINX, ['1.27-alpine']],
    ['{1.x-alpine || 1.27.x}', NGINX, ['1.26-alpine', '1.27', '1.27-alpine', '1.27.0', '1.27.1']],
    ['{not /^1\\.26/}', NGINX, ['1.27', '1.27.0', '1.27.1']],
    ['{>=1.30 <1.32}', K3S, ['v1.30.4-k3s1', 'v1.31.0-k3s1', 'v1.31.1-k3s1', 'v1.31.1-k3s2']],
    ['{newest 1}', K3S, ['v1.31.1-k3s2']],
    ['{>=1.32.0-rc.1}', K3S, ['v1.32.0-rc1-k3s1']],
    ['{match /-rc/, newest 1}', K3S, ['v1.32.0-rc1-k3s1']],
    ['{match /^v/, newest 1}', K3S, ['v1.31.1-k3s2']],
    ['{  >=1.30   ,  newest   1  }', K3S, ['v1.31.1-k3s2']],
    ['{>=9}', ALPINE, []],
  ];
  for (const [selector, tags, taken] of cases) {
    it(`${selector} takes ${taken.join(', ') || 'nothing'}`, () => {
      assert.deepEqual(parseTagSelector(selector).select(tags), taken);
    });
  }

  it('takes the same in whatever order a registry lists tags, and nothing that is not there', () => {
    const selectors = cases.map(([selector]) => parseTagSelector(selector));
    const tags = fc.subarray([...ALPINE, ...NGINX, ...K3S]);
    fc.assert(
      fc.property(
        tags,
        fc.constantFrom(...selectors),
        fc.infiniteStream(fc.nat()),
        (some, selector, noise) => {
          const shuffled = some
            .map((tag) => ({ tag, key: noise.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key);
          const taken = selector.select(some);
          assert.deepEqual(selector.select(shuffled.map(({ tag }) => tag)), taken);
          assert.deepEqual(
            taken.filter((tag) => !some.includes(tag)),
            [],
          );
        },
      ),
    );
  });

  it('names the tags that are near if there are none', () => {
    const near = (selector: string, tags: string[]): string[] => parseTagSelector(selector).near(tags);
    assert.deepEqual(near('{>=9 <10}', ALPINE.slice(2)), ['3.20.0', '3.20.3', '3.21']);
    assert.deepEqual(near('{3.18.x}', ALPINE.slice(2)), ['3', '3.19', '3.19.1']);
    assert.deepEqual(near('{3.x}', ['latest', 'main']), ['latest', 'main']);
    assert.deepEqual(near('{match /x/}', K3S), ['v1.31.1-k3s1', 'v1.31.1-k3s2', 'v1.32.0-rc1-k3s1']);
  });
});

describe('parseTagPattern', () => {
  it('reads a repository as a name of an image is read', () => {
    const { repository, text } = parseTagPattern('alpine:{>=3.19 <3.22, newest 2}');
    assert.deepEqual(repository, { registry: 'docker.io', repository: 'library/alpine' });
    assert.equal(text, 'alpine:{>=3.19 <3.22, newest 2}');
    const local = parseTagPattern('reg.local:5000/a/b:{*}').repository;
    assert.deepEqual(local, { registry: 'reg.local:5000', repository: 'a/b' });
  });

  it('tells patterns from names', () => {
    assert(isTagPattern('alpine:{*}'));
    assert(!isTagPattern('alpine:3.20@sha256:abc'));
  });

  it('refuses a repository that is none', () => {
    assert.throws(
      () => parseTagPattern('org/UPPER:{*}'),
      (error) => isLadingError(error, 'INVALID_REFERENCE'),
    );
  });

  const refused: [pattern: string, column: number, why: RegExp][] = [
    ['alpine{*}', 7, /must stand before/],
    [':{*}', 2, /must stand before/],
    ['alpine:3:{*}', 1, /in place of a tag/],
    ['alpine:{}', 9, /nothing is selected/],
    ['alpine:{', 9, /expected/],
    ['alpine:{*', 10, /missing/],
    ['alpine:{*}x', 11, /follow/],
    ['alpine:{*}:{*}', 11, /follow/],
    ['alpine:{>=3.19 <}', 17, /must follow </],
    ['alpine:{>=3.19,<3.22}', 16, /expected/],
    ['alpine:{newest}', 15, /number/],
    ['alpine:{newest 0}', 16, /number/],
    ['alpine:{newest 2, newest 3}', 19, /twice/],
    ['alpine:{match x}', 15, /between slashes/],
    ['alpine:{match /x}', 15, /no other one/],
    ['alpine:{match //}', 15, /empty/],
    ['alpine:{match /a(/}', 17, /not closed/],
    ['alpine:{not /a/ match /b/}', 17, /comma/],
    ['alpine:{latest}', 9, /no version/],
    ['alpine:{3..19}', 10, /no version/],
    ['alpine:{>=3.19.}', 15, /no version/],
    ['repo:{{ .Values.tag }}', 7, /no version/],
    [`alpine:{match /${'a'.repeat(10_000)}/}`, 1001, /at most/],
    ['alpine:{match /((((a{9}){9}){9}){9}){9}/}', 16, /too large/],
  ];
  for (const [pattern, column, why] of refused) {
    it(`refuses ${pattern.slice(0, 40)}, and says the column`, () => {
      assert.throws(
        () => parseTagPattern(pattern),
        (error) => {
          assert(isLadingError(error, 'USAGE'), String(error));
          assert.match(error.message, new RegExp(`, column ${column}: `));
          assert.match(error.message, why);
          assert(error.message.length < 400);
          return true;
        },
      );
    });
  }

  it('refuses or reads any text, and never fails otherwise', () => {
    const piece = fc.constantFrom(
      ...'{},/ \\()[]^$*+?|x-.<>=~'.split(''),
      '1.2',
      'newest ',
      'match /',
      'not /',
      'é',
      '😀',
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parseTagPattern(`alpine:{${pieces.join('')}}`).selector.select(NGINX);
        } catch (error) {
          assert(isLadingError(error, 'USAGE'), String(error));
        }
      }),
      { numRuns: 5000 },
    );
  });
});
