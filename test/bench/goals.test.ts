import assert from 'node:assert/strict';
import { formatGoal, type Result, reportGoal } from './goals.js';
import type { Goal } from './row.js';

const took = (wallSeconds: number, peakBytes = 0) => ({ wallSeconds, peakBytes, processorSeconds: 0 });

describe('a goal of the benchmark', () => {
  const results: Result[] = [
    { tool: 'lading', median: took(2, 120 * 2 ** 20) },
    { tool: 'crane', median: took(16) },
    { tool: 'regctl', processes: 16, median: took(4) },
  ];

  it('is met or missed against the fastest peer, one tool, one command, a time or a size', () => {
    const goals: [goal: Goal, text: string][] = [
      [{ type: 'ratio', atMost: 0.5 }, '≤ 0.50 × met'],
      [{ type: 'ratio', atMost: 0.49 }, '≤ 0.49 × missed'],
      [{ type: 'ratio', atMost: 0.5, of: 'regctl' }, '≤ 0.50 × regctl met'],
      [{ type: 'ratio', atMost: 0.125, of: 'one command' }, '≤ 0.13 × one command met'],
      [{ type: 'ratio', atMost: 0.12, of: 'crane' }, '≤ 0.12 × crane missed'],
      [{ type: 'seconds', atMost: 2 }, '≤ 2 s met'],
      [{ type: 'seconds', atMost: 1.9 }, '≤ 1.9 s missed'],
      [{ type: 'over', tool: 'regctl', seconds: 0 }, '≤ regctl + 0 ms met'],
      [{ type: 'peak', atMostBytes: 120 * 2 ** 20 }, 'peak ≤ 120 MiB met'],
      [{ type: 'peak', atMostBytes: 119 * 2 ** 20 }, 'peak ≤ 119 MiB missed'],
    ];
    for (const [goal, text] of goals) assert.equal(formatGoal(reportGoal(goal, results)), text);
  });

  it('is neither where a tool is missing', () => {
    const goal: Goal = { type: 'ratio', atMost: 1, of: 'oras' };
    assert.equal(formatGoal(reportGoal(goal, results)), '≤ 1.00 × oras');
    assert.equal(formatGoal(reportGoal({ type: 'ratio', atMost: 1 }, results.slice(0, 1))), '≤ 1.00 ×');
    assert.equal(formatGoal(reportGoal({ type: 'seconds', atMost: 9 }, results.slice(1))), '≤ 9 s');
  });
});
