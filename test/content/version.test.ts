import assert from 'node:assert/strict';
import fc from 'fast-check';
import semver from 'semver';
import { SyntaxProblem } from '../../src/content/syntax-problem.js';
import { compareVersions, parseVersion, type Version } from '../../src/content/version.js';
import { inRange, parseVersionRange } from '../../src/content/version-range.js';

function versionOf(text: string): Version {
  const version = parseVersion(text);
  assert(version !== undefined, text);
  return version;
}

describe('parseVersion', () => {
  const versions: [
    tag: string,
    numbers: number[],
    prerelease: (string | number)[],
    suffix: string,
    own: number[],
  ][] = [
    ['1.27', [1, 27], [], '', []],
    ['v1.27.3', [1, 27, 3], [], '', []],
    ['22.04', [22, 4], [], '', []],
    ['3', [3], [], '', []],
    ['1.27-alpine', [1, 27], [], 'alpine', []],
    ['1.27-alpine3.20', [1, 27], [], 'alpine##', [3, 20]],
    ['v1.2.3-k3s1', [1, 2, 3], [], 'k#s#', [3, 1]],
    ['1.45.0-debian-11-r26', [1, 45, 0], [], 'debian#r#', [11, 26]],
    ['v1.31.0-rc1-k3s1', [1, 31, 0], ['rc', 1], 'k#s#', [3, 1]],
    ['1.2.3-rc.1', [1, 2, 3], ['rc', 1], '', []],
    ['1.2.3-beta.2-alpine', [1, 2, 3], ['beta', 2], 'alpine', []],
    ['3.13.0b2', [3, 13, 0], ['b', 2], '', []],
    ['3.13-rc-slim', [3, 13], ['rc'], 'slim', []],
    ['2.0.0-M1', [2, 0, 0], ['m', 1], '', []],
    ['21-ea-35-jdk', [21], ['ea', 35], 'jdk', []],
    ['8u302-jdk', [8], [], 'u#jdk', [302]],
    ['1.2.3_up4', [1, 2, 3], [], 'up#', [4]],
    ['1.2.3-SNAPSHOT', [1, 2, 3], ['snapshot'], '', []],
    ['1.2.3-g1a2b3c4', [1, 2, 3], [], '%', []],
    ['1.2.3-0a1b2c3d4e5f', [1, 2, 3], [], '%', []],
    ['20240923', [20_240_923], [], '', []],
  ];
  for (const [tag, numbers, prerelease, suffix, suffixNumbers] of versions) {
    it(`reads ${tag}`, () => {
      const version = versionOf(tag);
      assert.deepEqual(
        { ...version, shape: '' },
        { text: tag, numbers, prerelease, suffix, suffixNumbers, shape: '' },
      );
    });
  }

  for (const tag of [
    'latest',
    'stable-1.2',
    'edge',
    '',
    'v',
    '0a1b2c3',
    '1a2b3c4d5e6f',
    `1.${'9'.repeat(16)}`,
    '.1',
  ])
    it(`takes "${tag}" for no version`, () => assert.equal(parseVersion(tag), undefined));

  it('gives one shape to what can be compared, and to nothing else', () => {
    const shapes = (tags: string[]): number => new Set(tags.map((tag) => versionOf(tag).shape)).size;
    assert.equal(shapes(['1.45.0-debian-11-r26', '1.45.1-debian-12-r2', '2.0.0-rc1-debian-11-r0']), 1);
    assert.equal(shapes(['1.2.3-g1a2b3c4', '1.2.4-g0a2b3c4']), 1);
    assert.equal(shapes(['1', '1.2', '1.2.3', 'v1.2.3', '1.2.3-alpine', '1.2.3-slim', '20240101']), 7);
  });

  it('orders as versions are ordered', () => {
    const ordered = [
      '1.2.3-alpha.1',
      '1.2.3-beta.2',
      '1.2.3-beta.10',
      '1.2.3-rc1',
      '1.2.3',
      '1.2.3-debian-11-r9',
      '1.2.3-debian-11-r26',
      '1.2.3-debian-12-r1',
      '1.2.10',
      '1.10',
      '22.04',
    ];
    const shuffled = ordered.map(versionOf).reverse().sort(compareVersions);
    assert.deepEqual(
      shuffled.map(({ text }) => text),
      ordered,
    );
  });

  it('has one order for every set of tags', () => {
    const tag = fc.stringMatching(/^v?[0-9]{1,2}(\.[0-9]){0,3}(-(rc|alpine|r)?[0-9]?)?$/);
    fc.assert(
      fc.property(tag, tag, tag, (...tags) => {
        const [a, b, c] = tags.map(versionOf) as [Version, Version, Version];
        assert.equal(Math.sign(compareVersions(a, b)), -Math.sign(compareVersions(b, a)) + 0);
        assert.equal(compareVersions(a, b) === 0, a.text === b.text);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) assert(compareVersions(a, c) <= 0);
      }),
    );
  });
});

const number = fc.integer({ min: 0, max: 4 });
const prerelease = fc.option(fc.tuple(fc.constantFrom('alpha', 'beta', 'rc'), number), {
  freq: 2,
  nil: undefined,
});
const release = fc.tuple(number, number, number).map((numbers) => numbers.join('.'));
const semantic = fc
  .tuple(release, prerelease)
  .map(([numbers, named]) => (named === undefined ? numbers : `${numbers}-${named.join('.')}`));
const partial = fc.oneof(
  semantic,
  number.map(String),
  fc.tuple(number, number).map((numbers) => numbers.join('.')),
  number.map((major) => `${major}.x`),
  fc.tuple(number, number).map((numbers) => `${numbers.join('.')}.*`),
  fc.constantFrom('*', 'x'),
);
const comparator = fc
  .tuple(fc.constantFrom('', '=', '>', '>=', '<', '<=', '~', '^', '>= '), partial)
  .map((all) => all.join(''));
const alternative = fc.oneof(
  fc.array(comparator, { minLength: 1, maxLength: 3 }).map((all) => all.join(' ')),
  fc.tuple(partial, partial).map((both) => both.join(' - ')),
);
const range = fc.array(alternative, { minLength: 1, maxLength: 3 }).map((all) => all.join(' || '));

describe('version ranges', () => {
  it('mean what they mean to semver, for versions of its form', () => {
    fc.assert(
      fc.property(range, fc.array(semantic, { minLength: 1 }), (text, versions) => {
        const parsed = parseVersionRange(text);
        for (const version of versions)
          assert.equal(
            inRange(versionOf(version), parsed) !== 'out',
            // Of alternatives with `*`, semver keeps only that one, which has fewer pre-releases than all of them.
            text.split('||').some((each) => semver.satisfies(version, each)),
            `${version} in ${text}`,
          );
      }),
      { numRuns: 5000 },
    );
  });

  it('compare as semver does', () => {
    fc.assert(
      fc.property(semantic, semantic, (a, b) => {
        assert.equal(Math.sign(compareVersions(versionOf(a), versionOf(b))), semver.compare(a, b));
      }),
    );
  });

  const examples: [range: string, inside: string[], outside: string[]][] = [
    [
      '>=3.19 <3.22',
      ['3.19', '3.19.1', '3.21.9', 'v3.20', '3.20-slim'],
      ['3', '3.22', '3.22.0-rc1', '20240923', '3.20.0-rc1'],
    ],
    ['22.04', ['22.04', '22.04.5'], ['22.10', '22']],
    ['~22.04', ['22.04', '22.4.1'], ['22.10']],
    ['1.x', ['1', '1.27.3', '1.27-alpine'], ['2', '0.9']],
    ['1.x-alpine', ['1.27-alpine'], ['1.27', '1.27-slim', '1.27-alpine3.20']],
    ['1.x-alpine3.20', ['1.27-alpine3.20'], ['1.27-alpine3.21', '1.27-alpine']],
    [
      '>=1.45.0-debian-11-r26',
      ['1.45.0-debian-11-r26', '1.45.0-debian-12-r1', '1.46.0-debian-11-r0'],
      ['1.45.0-debian-11-r9', '1.46.0'],
    ],
    ['>=v1.30.0-k3s1 <1.32', ['v1.31.2-k3s1'], ['v1.31.2', 'v1.32.0-k3s1', 'v1.31.0-rc1-k3s1']],
    ['>=1.31.0-rc.1', ['1.31.0-rc2', '1.31.0', '1.32.0'], ['1.31.0-beta.1', '1.32.0-rc1']],
    ['1.2.3+up4', ['1.2.3_up4'], ['1.2.3_up5', '1.2.3']],
    ['>=20240101', ['20240923'], ['3.20', '20231231']],
    ['1.2.3', ['1.2.3', 'v1.2.3'], ['1.2.3.1', '1.2.4']],
    ['1.2.3.x', ['1.2.3.1', '1.2.3'], ['1.2.4']],
    ['*', ['3', '1.2.3-alpine'], ['1.2.3-rc1']],
  ];
  for (const [text, inside, outside] of examples) {
    it(`has the right tags for ${text}`, () => {
      const parsed = parseVersionRange(text);
      const isIn = (tag: string): boolean => inRange(versionOf(tag), parsed) !== 'out';
      assert.deepEqual(
        inside.filter((tag) => !isIn(tag)),
        [],
        'missing',
      );
      assert.deepEqual(outside.filter(isIn), [], 'too many');
    });
  }

  const refused: [range: string, at: number][] = [
    ['', 0],
    ['  ', 2],
    ['>=', 2],
    ['>=1 <', 5],
    ['1.2 ||', 6],
    ['1.2 | 1.3', 4],
    ['abc', 0],
    ['1.x.3', 4],
    ['1.2 - ', 4],
    ['1.2 - 1.3 1.4', 4],
    ['>=1.2 - 1.3', 6],
    [`1.${'9'.repeat(16)}`, 2],
    ['1.x-rc.1', 3],
    ['>>1', 1],
    ['1.2.3-é', 5],
  ];
  for (const [text, at] of refused) {
    it(`refuses "${text}" and says where`, () => {
      assert.throws(
        () => parseVersionRange(text),
        (error) => error instanceof SyntaxProblem && error.at === at,
      );
    });
  }
});
