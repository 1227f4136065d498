import { rm } from 'node:fs/promises';
import { getManifest, TYPE } from '../support/programs/registry-content.js';
import { temporaryFolder } from '../support/programs/workplace.js';
import type { World } from './row.js';
import { forgetPeak, type ServingProgram, startServers, taken } from './servers.js';
import { type Throughput, throughputOf } from './wrk.js';

/** Something that many clients ask several registries for. */
export interface ServingRow {
  /** Chosen by it on the command line. */
  name: string;
  /** As the table names it. */
  work: string;
  /** What counts of it. */
  of: 'requests' | 'bytes';
  /** lading's figure over the peer's. */
  goal: { atLeast: number };
  path(facts: { repository: string; tag: string; largestBlob: string }): string;
}

export interface ServingMeasurement extends Throughput {
  processorSeconds: number;
  peakBytes: number;
}

export interface ServingResult {
  row: ServingRow;
  servers: { name: string; isLading: boolean; runs: ServingMeasurement[] }[];
}

/** Runs rows one after the other: all servers in turn (A B C A B C …), after a warm-up, each row with the same servers. */
export async function contestServing(
  rows: readonly ServingRow[],
  world: World,
  { runs, seconds, onRun }: { runs: number; seconds: number; onRun: (text: string) => void },
): Promise<ServingResult[]> {
  const folder = await temporaryFolder('serving');
  const programs: ServingProgram[] = [];
  try {
    programs.push(...(await startServers(world, folder)));
    const facts = await factsOf(world);
    const results: ServingResult[] = [];
    for (const row of rows) {
      const servers = programs.map(({ name, isLading }) => ({
        name,
        isLading,
        runs: [] as ServingMeasurement[],
      }));
      for (let round = 0; round <= runs; round += 1) {
        for (const [index, program] of programs.entries()) {
          const isWarmUp = round === 0;
          const measurement = await runOnce(program, row.path(facts), isWarmUp ? seconds / 5 : seconds);
          onRun(`${row.name} ${program.name} ${isWarmUp ? 'warm-up' : `${round}/${runs}`}`);
          if (!isWarmUp) servers[index]?.runs.push(measurement);
        }
      }
      results.push({ row, servers });
    }
    return results;
  } finally {
    for (const { stop } of programs) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function factsOf({ registry, images }: World): Promise<Parameters<ServingRow['path']>[0]> {
  const [repository = '', tag = ''] = images.large.split(':');
  const { bytes } = await getManifest(registry, repository, tag);
  const { layers = [] } = JSON.parse(bytes.toString()) as { layers?: { digest: string; size: number }[] }; // ours
  const [largest] = [...layers].sort((a, b) => b.size - a.size);
  return { repository, tag, largestBlob: largest?.digest ?? '' };
}

async function runOnce(
  { host, pid }: ServingProgram,
  path: string,
  seconds: number,
): Promise<ServingMeasurement> {
  await forgetPeak(pid);
  const before = await taken(pid);
  const throughput = await throughputOf(`http://${host}${path}`, ACCEPT, Math.max(1, Math.round(seconds)));
  const after = await taken(pid);
  return {
    ...throughput,
    processorSeconds: after.processorSeconds - before.processorSeconds,
    peakBytes: after.peakBytes,
  };
}

/** What clients of today send. */
const ACCEPT = [TYPE.ociManifest, TYPE.dockerManifest, TYPE.ociIndex, TYPE.dockerList].join(', ');
