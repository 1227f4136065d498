import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { leaveWorkplace } from '../support/programs/workplace.js';
import { contest } from './contest.js';
import { drawPanels } from './growth-chart.js';
import { pushMany, pushSized } from './growth-images.js';
import { type Growth, growthPoint, panelsOf } from './growth-report.js';
import { growthByShards, shardPanels } from './growth-shards.js';
import { describeMachine } from './report.js';
import type { World } from './row.js';
import { ROWS } from './rows/index.js';
import { cleanEnvironment, findTools } from './tools.js';

const USAGE = `npm run bench:growth -- [--runs N] [--quick] [--only CHART] [--out FOLDER]

Measures how the time and memory of save and load grow with the size of an image and with the number of images, of
lading and of the peers that are installed, and how the time of a save into a bucket falls with the number of processes
that share it. Writes growth.json, growth-size.svg, growth-count.svg and growth-shards.svg.

  --runs N      measured runs of each tool at each point, after a warm-up; default 3
  --quick       few small points and one run, to see that it works
  --only CHART  size, count or shards; default all
  --out FOLDER  default test/bench
`;

const FULL = { sizes: [10e6, 100e6, 300e6, 1e9, 2e9, 4e9], counts: [1, 10, 50, 100, 250, 500], shared: 200 };
const QUICK = { sizes: [1e6, 5e6, 20e6], counts: [1, 5, 10], shared: 20 };
const HERE = fileURLToPath(new URL('.', import.meta.url));

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    out: { type: 'string', default: HERE },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

// Daemons and files are left behind by a signal that nobody takes.
process.once('SIGINT', () => void leaveWorkplace(false).finally(() => process.exit(130)));

if (values.help) process.stdout.write(USAGE);
else {
  try {
    await measureGrowth();
  } finally {
    await leaveWorkplace(false);
  }
}

async function measureGrowth(): Promise<void> {
  const runs = values.quick ? 1 : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new Error(`--runs ${values.runs}: a number from 1 is wanted`);
  const { sizes, counts, shared } = values.quick ? QUICK : FULL;
  const isWanted = (chart: string): boolean => values.only === undefined || values.only === chart;
  const env = await cleanEnvironment();
  const tools = await findTools(env);
  const { host: registry } = await startDockerRegistry();
  const worldOf = (large: string, many: string[]): World => ({
    ...{ registry, farRegistry: registry, narrowRegistry: registry, tools, env },
    isQuick: values.quick,
    images: { large, many, description: [] },
  });
  const at = async (x: number, rowName: string, world: World) => {
    const row = ROWS.find(({ name }) => name === rowName);
    if (row === undefined) throw new Error(`there is no row ${rowName}`);
    return growthPoint(x, await contest(row, world, { runs, onRun: (text) => tell(`${x}: ${text}`) }));
  };

  const bySize: Growth[] = [
    { work: 'save', against: 'bytes', points: [] },
    { work: 'load', against: 'bytes', points: [] },
  ];
  for (const size of isWanted('size') ? sizes : []) {
    const world = worldOf(await pushSized(registry, size), []);
    for (const { work, points } of bySize) points.push(await at(size, `${work}-layout`, world));
  }
  const byCount: Growth[] = [
    { work: 'save', against: 'images', points: [] },
    { work: 'load', against: 'images', points: [] },
  ];
  const images = await pushMany(registry, Math.max(isWanted('count') ? Math.max(...counts) : 0, shared));
  for (const count of isWanted('count') ? counts : []) {
    const world = worldOf('', images.slice(0, count));
    for (const { work, points } of byCount) points.push(await at(count, `${work}-many`, world));
  }

  const byShards = isWanted('shards')
    ? await growthByShards({ registry, images: images.slice(0, shared), runs, env, onRun: tell })
    : undefined;

  const machine = describeMachine();
  const versions = Object.fromEntries([...tools.values()].map(({ name, version }) => [name, version]));
  const report = {
    machine,
    quick: values.quick,
    runs,
    tools: versions,
    growth: [...bySize, ...byCount],
    byShards,
  };
  await writeFile(join(values.out, 'growth.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  const figures = runs === 1 ? 'one run at each point' : `medians of ${runs} runs`;
  const subtitle = `${values.quick ? 'quick run, which says little; ' : ''}${figures}, layouts on disk, registry on loopback; ${machine}`;
  if (byShards !== undefined) {
    const title = `A save of ${shared} images into a bucket, shared among processes`;
    const about = `${values.quick ? 'quick run, which says little; ' : ''}${figures}, registry 40 ms away; ${machine}`;
    await writeFile(
      join(values.out, 'growth-shards.svg'),
      `${drawPanels(title, about, shardPanels(byShards))}\n`,
    );
  }
  for (const [file, title, growths] of [
    ['growth-size.svg', 'Growth with the size of an image', bySize],
    ['growth-count.svg', 'Growth with the number of images', byCount],
  ] as const)
    if (growths.some(({ points }) => points.length > 0))
      await writeFile(join(values.out, file), `${drawPanels(title, subtitle, growths.flatMap(panelsOf))}\n`);
  tell(`growth.json and its charts are in ${values.out}`);
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
