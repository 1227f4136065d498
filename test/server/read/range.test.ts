import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type ByteRange, parseRanges } from '../../../src/server/read/range.js';

describe('parseRanges', () => {
  const one = (start: number, length: number): ByteRange[] => [{ start, length }];
  const cases: [header: string, size: number, expected: ReturnType<typeof parseRanges>][] = [
    ['bytes=0-9', 100, one(0, 10)],
    ['bytes=10-', 100, one(10, 90)],
    ['bytes=99-', 100, one(99, 1)],
    ['bytes=90-5000', 100, one(90, 10)],
    ['bytes=-10', 100, one(90, 10)],
    ['bytes=-5000', 100, one(0, 100)],
    ['Bytes = 0-0 ', 100, one(0, 1)],
    ['bytes=100-', 100, 'unsatisfiable'],
    ['bytes=5-4', 100, 'unsatisfiable'],
    ['bytes=-0', 100, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 100, 'unsatisfiable'],
    ['bytes=0-99999999999999999999999', 100, one(0, 100)],
    ['bytes=-', 100, 'unsatisfiable'],
    ['bytes=', 100, 'unsatisfiable'],
    ['bytes=,', 100, 'unsatisfiable'],
    ['bytes=a-b', 100, 'unsatisfiable'],
    ['bytes=1.5-2', 100, 'unsatisfiable'],
    ['bytes=0-1\u00a0-2', 100, 'unsatisfiable'],
    ['0-9', 100, 'unsatisfiable'],
    ['', 100, 'unsatisfiable'],
    ['lines=0-9', 100, 'whole'],

    ['bytes=0-1,5-6', 100, [...one(0, 2), ...one(5, 2)]],
    ['bytes=50-59, ,-10 , 0-0,', 100, [...one(50, 10), ...one(90, 10), ...one(0, 1)]],
    ['bytes=0-1,200-300,-0', 100, one(0, 2)],
    ['bytes=100-,200-', 100, 'unsatisfiable'],
    ['bytes=0-1,5-4', 100, 'unsatisfiable'],
    ['bytes=0-1,x', 100, 'unsatisfiable'],
    ['bytes=0-4,3-9', 100, one(0, 10)],
    ['bytes=0-4,5-9', 100, one(0, 10)],
    ['bytes=20-29,0-9,5-24', 100, one(0, 30)],
    ['bytes=40-49,0-9,20-29,5-20', 100, [...one(40, 10), ...one(0, 30)]],
    [`bytes=${'0-,'.repeat(127)}0-`, 100, one(0, 100)],
    [`bytes=${'0-,'.repeat(128)}0-`, 100, 'whole'],
  ];
  for (const [header, size, expected] of cases) {
    it(`reads "${shortened(header)}" of ${size} bytes`, () =>
      assert.deepEqual(parseRanges(header, size), expected));
  }

  it('gives each byte that is asked for once, whatever the ranges', () => {
    const range = fc.tuple(fc.nat(60), fc.nat(20)).map(([start, more]) => [start, start + more] as const);
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 50 }),
        (asked, size) => {
          const header = `bytes=${asked.map(([first, last]) => `${first}-${last}`).join(',')}`;
          const wanted = new Set<number>();
          for (const [first, last] of asked)
            for (let byte = first; byte <= Math.min(last, size - 1); byte++) wanted.add(byte);
          const ranges = parseRanges(header, size);
          if (wanted.size === 0) return assert.equal(ranges, 'unsatisfiable');
          assert.ok(Array.isArray(ranges));
          const given = ranges.flatMap(({ start, length }) =>
            Array.from({ length }, (_, index) => start + index),
          );
          assert.deepEqual(
            given.sort((a, b) => a - b),
            [...wanted].sort((a, b) => a - b),
          );
        },
      ),
    );
  });
});

function shortened(text: string): string {
  return text.length > 50 ? `${text.slice(0, 50)}…` : text;
}
