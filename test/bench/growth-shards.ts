import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { startNarrowLine } from '../support/narrow-line.js';
import { newestPeer } from '../support/programs/peers.js';
import { succeed } from '../support/programs/run.js';
import { startProcesses } from '../support/programs/versitygw.js';
import type { Panel } from './growth-chart.js';
import { PROGRAM } from './tools.js';

const ROUND_TRIP_MS = 40;
const SHARDS = [1, 2, 4, 8];

/** What a save took that so many processes shared: seconds of each run, until the last process was done. */
export interface ShardPoint {
  shards: number;
  seconds: number[];
  medianSeconds: number;
}

/**
 * Saves images of a registry that is 40 ms away into a bucket of versitygw on loopback, by 1, 2, 4 and 8 processes at
 * once. Resolves with undefined where versitygw cannot be had.
 */
export async function growthByShards({
  registry,
  images,
  runs,
  env,
  onRun,
}: {
  registry: string;
  images: readonly string[];
  runs: number;
  env: NodeJS.ProcessEnv;
  onRun: (text: string) => void;
}): Promise<ShardPoint[] | undefined> {
  const built = await newestPeer('versitygw');
  if ('missing' in built) {
    onRun(`without shards: there is no ${built.missing}`);
    return undefined;
  }
  const far = await startNarrowLine(registry, { roundTripMs: ROUND_TRIP_MS });
  const bucket = await startProcesses(built.program, 1);
  const names = images.map((image) => `${far.host}/${image}`);
  const save = async (shards: number): Promise<number> => {
    // Without this, there would be nothing to save after the first run.
    for (const folder of ['all', '.sgwtmp'])
      await rm(join(bucket.bucket, folder), { recursive: true, force: true });
    const began = performance.now();
    await Promise.all(
      Array.from({ length: shards }, (_, index) =>
        succeed(
          process.execPath,
          [
            ...[PROGRAM, 'save', ...names, '--plain-http', '--quiet'],
            ...['--output', 's3://images/all', '--shard', `${index}/${shards}`],
          ],
          { env: { ...env, ...bucket.environment() } },
        ),
      ),
    );
    return (performance.now() - began) / 1000;
  };
  try {
    await save(1); // a warm-up
    const points: ShardPoint[] = SHARDS.map((shards) => ({ shards, seconds: [], medianSeconds: 0 }));
    // In turn, so that what else the machine does falls on all alike.
    for (let run = 1; run <= runs; run++)
      for (const { shards, seconds } of points) {
        const took = await save(shards);
        seconds.push(took);
        onRun(`${shards} shards ${run}/${runs}: ${took.toFixed(2)} s`);
      }
    return points.map((point) => ({ ...point, medianSeconds: middleOf(point.seconds) }));
  } finally {
    await bucket.stop();
    await far.stop();
  }
}

function middleOf(seconds: readonly number[]): number {
  const sorted = [...seconds].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The time, beside what it would be if it halved with each doubling. */
export function shardPanels(points: readonly ShardPoint[]): Panel[] {
  const single = points.find(({ shards }) => shards === 1)?.medianSeconds ?? Number.NaN;
  const line = (name: string, figure: (point: ShardPoint) => number): Panel['lines'][number] => ({
    name,
    points: points.map((point): [number, number] => [point.shards, figure(point)]),
  });
  return [
    {
      title: 'save: time until the last share is done',
      xName: 'shards, all at once',
      yName: 'seconds',
      lines: [
        line('lading', ({ medianSeconds }) => medianSeconds),
        line('1/N', ({ shards }) => single / shards),
      ],
    },
  ];
}
