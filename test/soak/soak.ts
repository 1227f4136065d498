// Random work in one long-lived process, through a registry that fails now and then, and commands that are killed. It
// fails when something is lost, or when memory, open descriptors, temporary files or locks grow over the run. Two
// minutes; `npm run soak -- 30` or LADING_SOAK_MINUTES=30 for thirty.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorCode, isLadingError, messageOf } from '../../src/errors.js';
import { printTable } from '../crash/report.js';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { makeImage } from '../support/images.js';
import { createMemoryRepositories } from '../support/memory-repositories.js';
import { isInstalled } from '../support/needs.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { putBlob, putManifest } from '../support/programs/registry-content.js';
import { atEnd, leaveWorkplace, temporaryFolder } from '../support/programs/workplace.js';
import { serve } from '../support/registry-server.js';
import { ACTIONS, Refused, type Soaked } from './actions.js';
import { judge, overTime, type Sample, takeSample } from './samples.js';
import { openWays } from './ways.js';

const MINUTES = Number(process.argv[2] ?? process.env.LADING_SOAK_MINUTES ?? 2);
const SEED = Number(process.env.LADING_SOAK_SEED ?? Date.now() % 2 ** 32);
/** What is loaded once and kept (modules, threads, pools) is there by then. */
const WARM_UP = 0.2;

/** What a registry does that fails on every attempt; damaged content is none of it. */
const NOT_THIS_TIME: readonly ErrorCode[] = [
  'UNREACHABLE',
  'TIMEOUT',
  'CUT_SHORT',
  'REGISTRY',
  'TOO_MANY_REQUESTS',
];

let failed = false;
try {
  failed = !(await soak(createRandom(SEED)));
} finally {
  await leaveWorkplace(false);
}
process.exitCode = failed ? 1 : 0;

async function soak(random: Random): Promise<boolean> {
  console.log(`soaking for ${MINUTES} minutes with LADING_SOAK_SEED=${SEED}`);
  const folder = await temporaryFolder('soak');
  const places = {
    temporary: join(folder, 'tmp'),
    cache: join(folder, 'cache'),
    work: join(folder, 'work'),
  };
  for (const place of Object.values(places)) await mkdir(place);
  const registry = await startRegistry();
  const images = await fill(registry);
  const ways = await openWays(registry, folder, random);
  // From here on: the programs that were started have theirs elsewhere.
  process.env.TMPDIR = places.temporary;
  process.env.XDG_CACHE_HOME = places.cache;

  const done = new Map<string, Counted>();
  const samples: Sample[] = [];
  const [begin, end] = [Date.now(), Date.now() + MINUTES * 60_000];
  while (Date.now() < end) {
    const action = random.pick(Object.keys(ACTIONS));
    const count = done.get(action) ?? { action, runs: 0, kills: 0, faults: 0, survived: 0, refused: 0 };
    done.set(action, count);
    count.runs += 1;
    const onKill = (): void => {
      count.kills += 1;
    };
    const isRefused = await act(action, {
      random,
      work: places.work,
      way: random.pick(ways.all),
      images,
      onKill,
    });
    const faults = ways.countFaults();
    count.faults += faults;
    if (isRefused) count.refused += 1;
    else count.survived += faults;
    samples.push(await takeSample(places));
    await rm(places.work, { recursive: true });
    await mkdir(places.work);
  }
  printTable('what was done', [...done.values(), total([...done.values()])]);
  printTable('over the time', overTime(samples));
  const steady = samples.slice(samples.length * WARM_UP);
  const verdicts = judge(steady);
  printTable(`medians of the first and the last third of ${steady.length} samples`, verdicts);
  console.log(`losses: 0 in ${samples.length} runs; ${Math.round((Date.now() - begin) / 60_000)} minutes`);
  return steady.length >= 3 && verdicts.every(({ ok }) => ok);
}

interface Counted {
  action: string;
  runs: number;
  kills: number;
  faults: number;
  /** Faults of runs that succeeded all the same. */
  survived: number;
  /** Runs that ended with an error that says why. */
  refused: number;
}

/** Whether it was refused, and said so. Anything else is a loss, and ends the run. */
async function act(action: string, soaked: Soaked): Promise<boolean> {
  try {
    await ACTIONS[action]?.(soaked);
    return false;
  } catch (error) {
    if (!isLadingError(error, ...NOT_THIS_TIME) && !(error instanceof Refused)) throw error;
    console.log(`  ${action}: ${messageOf(error)}`);
    return true;
  }
}

function total(counts: readonly Counted[]): Counted {
  const sum = (member: Exclude<keyof Counted, 'action'>): number =>
    counts.reduce((all, count) => all + count[member], 0);
  return {
    ...{ action: 'all', runs: sum('runs'), kills: sum('kills'), faults: sum('faults') },
    ...{ survived: sum('survived'), refused: sum('refused') },
  };
}

/** Debian's, or our own where it is not installed. */
async function startRegistry(): Promise<string> {
  if (isInstalled('docker-registry')) return (await startDockerRegistry()).host;
  const repositories = createMemoryRepositories();
  const { openRepository, listRepositories } = repositories;
  const served = await serve({}, { openRepository, listRepositories, writable: { repositories } });
  atEnd(served.close);
  return served.registry;
}

/** Pushes a few images; tells their names. */
async function fill(host: string): Promise<string[]> {
  const names: string[] = [];
  for (const format of ['oci', 'docker'] as const) {
    for (const seed of [1, 2, 3]) {
      const repository = `${format}/app${seed}`;
      const image = await makeImage({ seed: `soak ${seed}`, layers: [400_000, 200_000 * seed], format });
      for (const { descriptor, bytes } of image.all) {
        if (descriptor.digest !== image.manifest.descriptor.digest)
          await putBlob(host, repository, descriptor.mediaType, bytes);
      }
      const { descriptor, bytes } = image.manifest;
      await putManifest(host, repository, '1', descriptor.mediaType, bytes);
      names.push(`${repository}:1`);
    }
  }
  return names;
}
