import { rm } from 'node:fs/promises';
import { run } from '../support/programs/run.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import { type Measurement, measure } from './measure.js';
import type { Contestant, Row, World } from './row.js';
import type { ToolName } from './tools.js';

/** What the tools took for a row, run by run. */
export interface RowResult {
  row: Row;
  results: {
    tool: ToolName;
    note: string | undefined;
    processes: number | undefined;
    runs: Measurement[];
  }[];
}

/**
 * Runs all that take part in a row in turn (A B C A B C …), after a warm-up, so that what else the machine
 * does falls on all alike.
 */
export async function contest(
  row: Row,
  world: World,
  { runs, onRun }: { runs: number; onRun: (text: string) => void },
): Promise<RowResult> {
  const folder = await temporaryFolder(row.name);
  const figures = await temporaryFolder('figures');
  try {
    const contestants = (await row.contestants(world, folder)).filter(({ tool }) => world.tools.has(tool));
    const results = contestants.map(({ tool, note, processes }) => ({
      ...{ tool, note, processes },
      runs: [] as Measurement[],
    }));
    const most = Math.min(runs, row.runs ?? runs);
    for (let round = 0; round <= most; round += 1) {
      for (const [index, contestant] of contestants.entries()) {
        if (round > (contestant.runs ?? most) || (round === 0 && contestant.runs !== undefined)) continue;
        const measurement = await runOnce(contestant, world, figures);
        const turn = round === 0 ? 'warm-up' : `${round}/${contestant.runs ?? most}`;
        onRun(`${row.name} ${contestant.tool} ${turn}: ${measurement.wallSeconds.toFixed(2)} s`);
        if (round > 0) results[index]?.runs.push(measurement);
      }
    }
    return { row, results };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runOnce(contestant: Contestant, world: World, figures: string): Promise<Measurement> {
  const tool = world.tools.get(contestant.tool);
  if (tool === undefined) throw new Error(`${contestant.tool} is not installed`);
  await contestant.before?.();
  // What the run before left to be written would be written at the cost of this one.
  await run('sync', []);
  return measure(contestant.command(tool.command), world.env, figures);
}
