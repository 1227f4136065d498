import { mebibytes } from './format.js';
import type { Measurement } from './measure.js';
import type { Goal } from './row.js';
import type { ToolName } from './tools.js';

/** What a tool took for a row. */
export interface Result {
  tool: ToolName;
  /** How many commands ran at once, if it was not one. */
  processes?: number | undefined;
  median: Measurement;
}

/** A goal in words, and whether it is met; undefined where nothing can be said: a tool is missing. */
export interface GoalReport {
  text: string;
  isMet?: boolean;
}

/** Compares what the tools took with a goal of lading. */
export function reportGoal(goal: Goal, results: readonly Result[]): GoalReport {
  const lading = results.find(({ tool }) => tool === 'lading')?.median;
  const limit = lading && isWithin(goal, lading, results);
  return { text: textOf(goal), ...(limit !== undefined && { isMet: limit }) };
}

/** The goal as the table has it. */
export function formatGoal({ text, isMet }: GoalReport): string {
  return isMet === undefined ? text : `${text} ${isMet ? 'met' : 'missed'}`;
}

function isWithin(goal: Goal, lading: Measurement, results: readonly Result[]): boolean | undefined {
  switch (goal.type) {
    case 'seconds':
      return lading.wallSeconds <= goal.atMost;
    case 'peak':
      return lading.peakBytes <= goal.atMostBytes;
    case 'ratio': {
      const peers = results.filter((result) => result.tool !== 'lading' && isComparedBy(goal, result));
      if (peers.length === 0) return undefined;
      return lading.wallSeconds <= goal.atMost * Math.min(...peers.map(({ median }) => median.wallSeconds));
    }
    case 'over': {
      const other = results.find(({ tool }) => tool === goal.tool);
      return other && lading.wallSeconds <= other.median.wallSeconds + goal.seconds;
    }
  }
}

function isComparedBy({ of }: Goal & { type: 'ratio' }, { tool, processes }: Result): boolean {
  return of === undefined || of === tool || (of === 'one command' && processes === undefined);
}

function textOf(goal: Goal): string {
  switch (goal.type) {
    case 'seconds':
      return `≤ ${goal.atMost} s`;
    case 'peak':
      return `peak ≤ ${mebibytes(goal.atMostBytes)}`;
    case 'ratio':
      return `≤ ${goal.atMost.toFixed(2)} ×${goal.of === undefined ? '' : ` ${goal.of}`}`;
    case 'over':
      return `≤ ${goal.tool} + ${goal.seconds * 1000} ms`;
  }
}
