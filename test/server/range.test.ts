import assert from 'node:assert/strict';
import { parseRange } from '../../src/server/range.js';

describe('parseRange', () => {
  const cases: [header: string, size: number, expected: ReturnType<typeof parseRange>][] = [
    ['bytes=0-9', 100, { start: 0, length: 10 }],
    ['bytes=10-', 100, { start: 10, length: 90 }],
    ['bytes=99-', 100, { start: 99, length: 1 }],
    ['bytes=90-5000', 100, { start: 90, length: 10 }],
    ['bytes=-10', 100, { start: 90, length: 10 }],
    ['bytes=-5000', 100, { start: 0, length: 100 }],
    ['Bytes = 0-0 ', 100, { start: 0, length: 1 }],
    ['bytes=100-', 100, 'unsatisfiable'],
    ['bytes=5-4', 100, 'unsatisfiable'],
    ['bytes=-0', 100, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=-1', 0, 'unsatisfiable'],
    ['bytes=99999999999999999999999-', 100, 'unsatisfiable'],
    ['bytes=-', 100, 'unsatisfiable'],
    ['bytes=', 100, 'unsatisfiable'],
    ['bytes=a-b', 100, 'unsatisfiable'],
    ['bytes=1.5-2', 100, 'unsatisfiable'],
    ['0-9', 100, 'unsatisfiable'],
    ['', 100, 'unsatisfiable'],
    ['bytes=0-1,5-6', 100, 'whole'],
    ['lines=0-9', 100, 'whole'],
  ];
  for (const [header, size, expected] of cases) {
    it(`reads "${header}" of ${size} bytes`, () => assert.deepEqual(parseRange(header, size), expected));
  }
});
