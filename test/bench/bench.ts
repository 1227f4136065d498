import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { writePage } from '../docs/pages.js';
import { startNarrowLine } from '../support/narrow-line.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { atEnd, leaveWorkplace } from '../support/programs/workplace.js';
import { contest, type RowResult } from './contest.js';
import { FULL, pushImages, QUICK } from './images.js';
import { updatePage, writeResults } from './page.js';
import { createReport, formatReport } from './report.js';
import type { World } from './row.js';
import { ROWS, SERVING_ROWS } from './rows/index.js';
import { contestServing } from './serving.js';
import { createServingReport } from './serving-report.js';
import { cleanEnvironment, findTools, missingTools } from './tools.js';
import { wrkVersion } from './wrk.js';

const USAGE = `npm run bench -- [ROW...] [--only ROW] [--runs N] [--quick] [--json FILE]
npm run bench -- --write | --page

Measures lading and its peers side by side, in about 15 minutes. Where Go is installed, the newest releases of crane,
regctl and oras are built first and kept. Rows: ${[...ROWS, ...SERVING_ROWS].map(({ name }) => name).join(', ')}
(a beginning of a name stands for all that begin so; default all).

  --only ROW   only this row, by its whole name; may be repeated
  --runs N     measured runs of each tool, after a warm-up; default 5
  --quick      small images and one run, to see that it works
  --json FILE  writes every figure
  --write      measures all rows, keeps the figures in test/bench/results.json, and puts them into docs/performance.md
               and README.md
  --page       measures nothing: puts the figures that were kept into these pages
`;

const ROUND_TRIP_MS = 40;
/** Of each connection to a registry in a wide-area network. */
const NARROW_BYTES_PER_SECOND = 20e6;
/** How long the clients of a registry ask, and how often. */
const SERVING_SECONDS = { full: 5, quick: 2 };
const SERVING_RUNS = 3;

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    runs: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const isWhole = named.length === 0 && values.only.length === 0;

// Daemons and files are left behind by a signal that nobody takes.
process.once('SIGINT', () => void leaveWorkplace(false).finally(() => process.exit(130)));

if (values.help) process.stdout.write(USAGE);
else if (values.page) await updatePages();
else {
  try {
    await bench();
  } finally {
    await leaveWorkplace(false);
  }
}

/** Puts the figures that were kept into docs/performance.md, and the few that README.md shows into it. */
async function updatePages(): Promise<void> {
  await updatePage();
  await writePage('README.md', { withRuns: false });
}

async function bench(): Promise<void> {
  requireKnownRows();
  if (values.write && (!isWhole || values.quick))
    throw new Error('--write is for a whole run: the page compares figures of one machine and one hour');
  const rows = chosen(ROWS);
  const servingRows = chosen(SERVING_ROWS);
  const runs = values.quick && values.runs === undefined ? 1 : countOf(values.runs ?? '5');
  const env = await cleanEnvironment();
  const tools = await findTools(env);

  tell('making images of the files of this machine');
  const { host: registry } = await startDockerRegistry({ schema1: true });
  const far = await startNarrowLine(registry, { roundTripMs: ROUND_TRIP_MS });
  atEnd(far.stop);
  const narrow = await startNarrowLine(registry, {
    roundTripMs: ROUND_TRIP_MS,
    bytesPerSecond: NARROW_BYTES_PER_SECOND,
  });
  atEnd(narrow.stop);
  const images = await pushImages(registry, values.quick ? QUICK : FULL);
  const world: World = {
    registry,
    farRegistry: far.host,
    narrowRegistry: narrow.host,
    images,
    isQuick: values.quick,
    tools,
    env,
  };

  const results: RowResult[] = [];
  for (const row of rows) {
    try {
      results.push(await contest(row, world, { runs, onRun: tell }));
    } catch (error) {
      // The others have taken minutes, and are worth to be seen.
      process.exitCode = 1;
      tell(`${row.name} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  const wrk = await wrkVersion();
  const report = createReport(results, tools, {
    missing: [...missingTools(tools), ...(wrk === undefined ? ['wrk'] : [])],
    images: images.description,
    runs,
  });
  if (servingRows.length > 0 && wrk !== undefined) {
    const seconds = values.quick ? SERVING_SECONDS.quick : SERVING_SECONDS.full;
    const facts = { seconds, runs: Math.min(runs, SERVING_RUNS) };
    const served = await contestServing(servingRows, world, { ...facts, onRun: tell });
    report.serving = createServingReport(served, facts);
  }
  process.stdout.write(`${formatReport(report)}\n`);
  if (values.write && results.length < rows.length) tell('a row failed: nothing was written');
  else if (values.write) {
    await writeResults(report);
    await updatePages();
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}

function chosen<Named extends { name: string }>(rows: readonly Named[]): readonly Named[] {
  return isWhole ? rows : rows.filter(isWanted);
}

function isWanted({ name }: { name: string }): boolean {
  return values.only.includes(name) || named.some((word) => name.startsWith(word));
}

function requireKnownRows(): void {
  const names = [...ROWS, ...SERVING_ROWS].map(({ name }) => name);
  const unknown =
    named.find((word) => !names.some((name) => name.startsWith(word))) ??
    values.only.find((word) => !names.includes(word));
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
