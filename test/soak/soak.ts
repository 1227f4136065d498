// Random work in one long-lived process, through a registry that fails now and then. It fails when memory, open
// descriptors, temporary files or locks grow over the run. `npm run soak -- MINUTES`, or LADING_SOAK_MINUTES.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadingError, messageOf } from '../../src/errors.js';
import { createMemoryRepositories } from '../../src/store/memory-repositories.js';
import { printTable } from '../crash/report.js';
import { createRandom, type Random } from '../fuzz/mutate.js';
import { startFaultProxy } from '../support/fault-proxy.js';
import { makeImage } from '../support/images.js';
import { isInstalled } from '../support/programs/available.js';
import { startDockerRegistry } from '../support/programs/docker-registry.js';
import { putBlob, putManifest } from '../support/programs/registry-content.js';
import { atEnd, leaveWorkplace, temporaryFolder } from '../support/programs/workplace.js';
import { serve } from '../support/registry-server.js';
import { ACTIONS, type Soaked } from './actions.js';
import { createFaults } from './faults.js';
import { judge, type Sample, takeSample } from './samples.js';

const MINUTES = Number(process.argv[2] ?? process.env.LADING_SOAK_MINUTES ?? 2);
const SEED = Number(process.env.LADING_SOAK_SEED ?? Date.now() % 2 ** 32);
/** What is loaded once and kept (modules, threads, pools) is there by then. */
const WARM_UP = 0.2;

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
  const proxy = await startFaultProxy(registry, createFaults(random));
  atEnd(proxy.stop);
  // From here on: the programs that were started have theirs elsewhere.
  process.env.TMPDIR = places.temporary;
  process.env.XDG_CACHE_HOME = places.cache;

  const soaked: Soaked = { random, work: places.work, host: proxy.host, images };
  const done = new Map<string, { action: string; runs: number; refused: number }>();
  const samples: Sample[] = [];
  const [begin, end] = [Date.now(), Date.now() + MINUTES * 60_000];
  let faults = 0;
  while (Date.now() < end) {
    const action = random.pick(Object.keys(ACTIONS));
    const count = done.get(action) ?? { action, runs: 0, refused: 0 };
    done.set(action, count);
    count.runs += 1;
    try {
      await ACTIONS[action]?.(soaked);
    } catch (error) {
      // A fault on every attempt is told, with a code; anything else ends the run.
      if (!isLadingError(error)) throw error;
      count.refused += 1;
      console.log(`  ${action}: ${error.code} ${messageOf(error)}`);
    }
    faults += proxy.passed.filter(({ fault }) => fault !== undefined).length;
    proxy.passed.length = 0;
    const sample = await takeSample(places);
    if (Date.now() > begin + (end - begin) * WARM_UP) samples.push(sample);
    await rm(places.work, { recursive: true });
    await mkdir(places.work);
  }
  printTable(`${faults} faults on the way`, [...done.values()]);
  const verdicts = judge(samples);
  printTable(`medians of the first and the last third of ${samples.length} samples`, verdicts);
  return samples.length >= 3 && verdicts.every(({ ok }) => ok);
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
