import assert from 'node:assert/strict';
import { shardPanels } from './growth-shards.js';

describe('the growth with shards', () => {
  it('is drawn beside what a share of the time would be', () => {
    const points = [
      { shards: 1, seconds: [8], medianSeconds: 8 },
      { shards: 4, seconds: [3], medianSeconds: 3 },
    ];
    const [panel, ...others] = shardPanels(points);
    assert.deepEqual(others, []);
    assert.deepEqual(panel?.lines, [
      {
        name: 'lading',
        points: [
          [1, 8],
          [4, 3],
        ],
      },
      {
        name: '1/N',
        points: [
          [1, 8],
          [4, 2],
        ],
      },
    ]);
  });
});
