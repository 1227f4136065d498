import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/programs/run.js';

/** What one run of a program took. */
export interface Measurement {
  wallSeconds: number;
  /** User and system time, of all its processes. */
  processorSeconds: number;
  /** The peak of its largest process. */
  peakBytes: number;
}

const TIME = '/usr/bin/time';

/** Runs a command that has to succeed under GNU time; `folder` takes a file for its figures. */
export async function measure(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<Measurement> {
  const figures = join(folder, 'time');
  const start = performance.now();
  const { code, stdout, stderr } = await run(
    TIME,
    ['--quiet', '--format', '%U %S %M', '--output', figures, ...command],
    { env },
  );
  // GNU time counts in hundredths of a second, too coarse for the start of a program.
  const wallSeconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${command.join(' ')}: exit ${code}\n${stderr}${stdout}`.trimEnd());
  const [user = Number.NaN, system = Number.NaN, peakKiB = Number.NaN] = (await readFile(figures, 'utf8'))
    .split(' ')
    .map(Number);
  return { wallSeconds, processorSeconds: user + system, peakBytes: peakKiB * 1024 };
}

/** The middle of several measurements, each figure by itself. */
export function medianOf(measurements: readonly Measurement[]): Measurement {
  return {
    wallSeconds: median(measurements.map(({ wallSeconds }) => wallSeconds)),
    processorSeconds: median(measurements.map(({ processorSeconds }) => processorSeconds)),
    peakBytes: median(measurements.map(({ peakBytes }) => peakBytes)),
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, number) => sum + number, 0) / middle.length;
}
