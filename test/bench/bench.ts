import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startNarrowLine } from '../support/narrow-line.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { atEnd, leaveWorkplace } from '../support/programs/workplace.js';
import { contest, type RowResult } from './contest.js';
import { FULL, pushImages, QUICK } from './images.js';
import { createReport, formatReport } from './report.js';
import type { World } from './row.js';
import { ROWS, SERVING_ROWS } from './rows/index.js';
import { contestServing } from './serving.js';
import { createServingReport } from './serving-report.js';
import { cleanEnvironment, findTools, missingTools } from './tools.js';
import { wrkVersion } from './wrk.js';

const USAGE = `npm run bench -- [ROW...] [--runs N] [--quick] [--json FILE]

Measures lading and the peers that are installed, side by side. Rows: ${[...ROWS, ...SERVING_ROWS].map(({ name }) => name).join(', ')}
(a beginning of a name stands for all that begin so; default all).

  --runs N     measured runs of each tool, after a warm-up; default 5
  --quick      small images and one run, to see that it works
  --json FILE  writes every figure
`;

const ROUND_TRIP_MS = 40;
/** How long the clients of a registry ask. */
const SERVING_SECONDS = { full: 10, quick: 2 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

// Daemons and files are left behind by a signal that nobody takes.
process.once('SIGINT', () => void leaveWorkplace(false).finally(() => process.exit(130)));

if (values.help) process.stdout.write(USAGE);
else {
  try {
    await bench();
  } finally {
    await leaveWorkplace(false);
  }
}

async function bench(): Promise<void> {
  requireKnownRows();
  const rows = chosen(ROWS);
  const servingRows = chosen(SERVING_ROWS);
  const runs = values.quick && values.runs === undefined ? 1 : countOf(values.runs ?? '5');
  const env = await cleanEnvironment();
  const tools = await findTools(env);

  tell('making images of the files of this machine');
  const { host: registry } = await startDockerRegistry();
  const far = await startNarrowLine(registry, { roundTripMs: ROUND_TRIP_MS });
  atEnd(far.stop);
  const images = await pushImages(registry, values.quick ? QUICK : FULL);
  const world: World = { registry, farRegistry: far.host, images, tools, env };

  const results: RowResult[] = [];
  for (const row of rows) results.push(await contest(row, world, { runs, onRun: tell }));
  const wrk = await wrkVersion();
  const report = createReport(results, tools, {
    missing: [...missingTools(tools), ...(wrk === undefined ? ['wrk'] : [])],
    images: images.description,
    runs,
  });
  if (servingRows.length > 0 && wrk !== undefined) {
    const seconds = values.quick ? SERVING_SECONDS.quick : SERVING_SECONDS.full;
    const served = await contestServing(servingRows, world, { runs, seconds, onRun: tell });
    report.serving = createServingReport(served, { seconds, runs });
  }
  process.stdout.write(`${formatReport(report)}\n`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

function chosen<Named extends { name: string }>(rows: readonly Named[]): readonly Named[] {
  return positionals.length === 0
    ? rows
    : rows.filter(({ name }) => positionals.some((word) => name.startsWith(word)));
}

function requireKnownRows(): void {
  const names = [...ROWS, ...SERVING_ROWS].map(({ name }) => name);
  const unknown = positionals.find((word) => !names.some((name) => name.startsWith(word)));
  if (unknown !== undefined) throw new Error(`there is no row "${unknown}"\n${USAGE}`);
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--runs ${text}: a number from 1 is wanted`);
  return count;
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
