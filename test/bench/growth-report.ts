import type { RowResult } from './contest.js';
import type { Panel } from './growth-chart.js';
import { type Measurement, medianOf } from './measure.js';
import type { ToolName } from './tools.js';

/** What a piece of work took at one size, or for one number of images. */
export interface GrowthPoint {
  x: number;
  tools: { tool: ToolName; median: Measurement; runs: Measurement[] }[];
}

/** How one piece of work grows. */
export interface Growth {
  /** The work, and what it is measured against. */
  work: 'save' | 'load';
  against: 'bytes' | 'images';
  points: GrowthPoint[];
}

export function growthPoint(x: number, { results }: RowResult): GrowthPoint {
  return { x, tools: results.map(({ tool, runs }) => ({ tool, median: medianOf(runs), runs })) };
}

/** Time and memory, a panel each. */
export function panelsOf({ work, against, points }: Growth): Panel[] {
  const tools = [...new Set(points.flatMap((point) => point.tools.map(({ tool }) => tool)))];
  const xName = against === 'bytes' ? 'size of the image (MB)' : 'number of images';
  const unit = against === 'bytes' ? 1e6 : 1;
  const linesOf = (figure: (median: Measurement) => number): Panel['lines'] =>
    tools.map((name) => ({
      name,
      points: points.flatMap(({ x, tools }) =>
        tools
          .filter(({ tool }) => tool === name)
          .map(({ median }): [number, number] => [x / unit, figure(median)]),
      ),
    }));
  return [
    { title: `${work}: time`, xName, yName: 'seconds', lines: linesOf(({ wallSeconds }) => wallSeconds) },
    {
      title: `${work}: peak memory`,
      xName,
      yName: 'MiB',
      lines: linesOf(({ peakBytes }) => peakBytes / 2 ** 20),
    },
  ];
}
