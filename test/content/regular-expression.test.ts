import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileRegularExpression } from '../../src/content/regular-expression.js';
import { SyntaxProblem } from '../../src/content/syntax-problem.js';

describe('compileRegularExpression', () => {
  const cases: [expression: string, found: string[], notFound: string[]][] = [
    ['alpine', ['1.27-alpine', 'alpine3.20'], ['1.27', 'alpin']],
    ['^1\\.2[0-9]$', ['1.20', '1.29'], ['1.2', '1.200', '11.20', '1x20']],
    ['^v?\\d+(\\.\\d+){1,2}$', ['1.2', 'v1.2.3'], ['1', '1.2.3.4', 'v1.']],
    ['rc|beta', ['1-rc1', '2beta'], ['1.0', 'bet']],
    ['^(?:a|bc)+?$', ['a', 'abc', 'bcbc'], ['', 'ab']],
    ['[^a-c.]', ['abd'], ['abc', 'a.b']],
    ['[\\w-]x', ['-x', '_x'], ['.x']],
    ['[^\\d]', ['a'], ['12']],
    ['[\\D]$', ['1a'], ['a1']],
    ['^$', [''], ['a']],
    ['^a{2}$', ['aa'], ['a', 'aaa']],
    ['^a{2,}$', ['aa', 'aaaa'], ['a']],
    ['^.$', ['é', '😀'], ['', 'ab']],
    ['a/b', ['a/b'], ['ab']],
    ['a\\/b', ['a/b'], ['ab']],
    ['', ['', 'a'], []],
  ];
  for (const [expression, found, notFound] of cases) {
    it(`finds what /${expression}/ describes`, () => {
      const automaton = compileRegularExpression(expression);
      for (const text of found) assert(automaton.test(text), text);
      for (const text of notFound) assert(!automaton.test(text), text);
    });
  }

  it('finds the same as a RegExp', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\W', '1', '(?:a|b1)', '(b|)', '-');
    const counted = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'));
    const sequence = fc.array(counted).map((parts) => parts.map(([each, count]) => each + count).join(''));
    const group = fc
      .tuple(sequence, fc.constantFrom('', '*', '+', '{0,3}'))
      .map(([inner, count]) => `(${inner})${count}`);
    const piece = fc.oneof(sequence, group, fc.constantFrom('^', '$'));
    const expression = fc
      .array(
        fc.array(piece, { maxLength: 4 }).map((parts) => parts.join('')),
        { minLength: 1, maxLength: 3 },
      )
      .map((alternatives) => alternatives.join('|'));
    const text = fc
      .array(fc.constantFrom('a', 'b', '1', '-', '\n'), { maxLength: 8 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(expression, fc.array(text), (source, texts) => {
        const automaton = compileRegularExpression(source);
        const reference = new RegExp(source, 'u');
        for (const each of texts)
          assert.equal(automaton.test(each), reference.test(each), `/${source}/ ${each}`);
      }),
      { numRuns: 2000 },
    );
  });

  const refused: [expression: string, at: number][] = [
    ['a(b', 1],
    ['a)b', 1],
    ['*a', 0],
    ['a**', 2],
    ['a+{2}', 2],
    ['[ab', 0],
    ['[b-a]', 1],
    ['[[a]', 1],
    ['a{2,1}', 1],
    ['a{,2}', 1],
    ['a{1001}', 1],
    ['a]', 1],
    ['(?=a)', 0],
    ['b(?<n>a)', 1],
    ['(a)\\1', 3],
    ['\\ba', 0],
    ['a\\', 1],
    ['^*', 0],
    ['((a{100}){100}){100}', 0],
    ['('.repeat(200), 101],
  ];
  for (const [expression, at] of refused) {
    it(`refuses /${expression.slice(0, 30)}/ and says where`, () => {
      assert.throws(
        () => compileRegularExpression(expression, 10),
        (error) => error instanceof SyntaxProblem && error.at === 10 + at,
      );
    });
  }

  it('takes each character of a text once, whatever the expression', () => {
    // With a RegExp, the first of these takes longer than anyone waits.
    for (const expression of ['^(a+)+$', '(a|a)*b', '(.*)*x.*x$', '^(a?){300}a{300}$', '.*.*.*=.*']) {
      const automaton = compileRegularExpression(expression);
      const started = performance.now();
      automaton.test(`${'a'.repeat(20_000)}!`);
      assert(performance.now() - started < 2000, expression);
    }
  });

  it('keeps a bounded number of states', () => {
    // The automaton of "a, and what follows has 19 characters" has half a million states.
    const automaton = compileRegularExpression('a[ab]{18}c$');
    const reference = /a[ab]{18}c$/;
    const text = fc.array(fc.constantFrom('a', 'b'), { minLength: 2000, maxLength: 4000 });
    fc.assert(
      fc.property(text, fc.constantFrom('c', 'cc', ''), (letters, end) => {
        const whole = letters.join('') + end;
        assert.equal(automaton.test(whole), reference.test(whole));
      }),
      { numRuns: 10 },
    );
  });
});
