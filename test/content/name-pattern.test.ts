import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseNamePattern } from '../../src/content/name-pattern.js';
import { isLadingError } from '../../src/errors.js';

const NAMES = [
  'docker.io/library/alpine:3.19',
  'docker.io/library/alpine:3.20',
  'docker.io/grafana/grafana:11',
  'ghcr.io/product/api:4.2.0',
  'ghcr.io/product/web:4.2.0@sha256:aaaa',
  'ghcr.io/product/tools/api:1',
  'localhost:5000/product/api:4.2.0',
  'mirror.lan/ghcr.io/product/api:4.2.0',
];

describe('a pattern of names', () => {
  const cases: [pattern: string, places: number[]][] = [
    ['alpine', [0, 1]],
    ['alpine:3.20', [1]],
    ['library/alpine:*', [0, 1]],
    ['docker.io/alpine', [0, 1]],
    ['docker.io/library/alpine:3.20', [1]],
    ['lpine', []],
    ['alpine:3.2', []],
    ['ghcr.io/product/*', [3, 4]],
    ['ghcr.io/product/**', [3, 4, 5]],
    ['ghcr.io/**/api', [3, 5]],
    ['ghcr.io/*', []],
    ['product/*', [3, 4, 6, 7]],
    ['**/api:4.*', [3, 6, 7]],
    ['api', [3, 5, 6, 7]],
    ['api:4.2.0', [3, 6, 7]],
    ['web:4.2.0', [4]],
    ['*.io/**', [0, 1, 2, 3, 4, 5]],
    ['localhost:5000/**', [6]],
    ['product/a*:*.2.*', [3, 6, 7]],
    ['grafana', [2]],
    ['*', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['**', [0, 1, 2, 3, 4, 5, 6, 7]],
    ['localhost', []],
  ];
  for (const [pattern, places] of cases) {
    it(`${pattern} stands for ${places.length} names`, () => {
      const { matches } = parseNamePattern(pattern);
      assert.deepEqual(
        NAMES.filter(matches),
        places.map((place) => NAMES[place]),
      );
    });
  }

  it('compares short names of archives by what they mean', () => {
    assert(parseNamePattern('docker.io/library/*').matches('alpine:3'));
    assert(parseNamePattern('docker.io/library/alpine').matches('alpine:latest'));
    assert(parseNamePattern('alpine:latest').matches('docker.io/library/alpine:latest'));
  });

  it('matches what it was made of', () => {
    const name = fc.constantFrom(...NAMES);
    fc.assert(
      fc.property(
        name,
        fc.nat(),
        fc.nat({ max: 6 }),
        fc.constantFrom('**', '*'),
        (text, at, length, star) => {
          const start = at % text.length;
          const part = text.slice(start, start + length);
          if (star === '*' && part.includes('/')) return;
          assert(parseNamePattern(text.slice(0, start) + star + text.slice(start + length)).matches(text));
          assert(parseNamePattern(text).matches(text));
        },
      ),
    );
  });

  const refused: [pattern: string, column: number][] = [
    ['', 1],
    ['a?', 2],
    ['a/[bc]', 3],
    ['a b', 2],
    ['a'.repeat(10_000), 1001],
  ];
  for (const [pattern, column] of refused) {
    it(`refuses "${pattern.slice(0, 10)}", and says the column`, () => {
      assert.throws(
        () => parseNamePattern(pattern),
        (error) => isLadingError(error, 'USAGE') && error.message.includes(`column ${column}: `),
      );
    });
  }

  it('takes a moment for names and patterns that are made to take long', () => {
    const text = `${'a/'.repeat(5000)}b`;
    const started = performance.now();
    for (const pattern of [
      `${'**a'.repeat(330)}c`,
      `${'*a*/'.repeat(240)}c`,
      '**/**/**/**/**/**/x',
      `${'**/'.repeat(300)}x`,
    ])
      assert(!parseNamePattern(pattern).matches(text));
    assert(performance.now() - started < 4000);
  });
});
