import { LadingError, parseShard, type Shard } from '../index.js';
import { wholeNumber } from './options.js';

export interface ShardFlags {
  shard?: string | undefined;
  shards?: number | undefined;
}

/**
 * The variables by which schedulers number their jobs, from 0: Indexed Jobs of Kubernetes, and job arrays of Slurm. The
 * lowest number of an array (`SLURM_ARRAY_TASK_MIN`) is not subtracted: it is another one when single jobs of the array
 * are run again, which would then do the work of others.
 */
const NUMBERS = ['JOB_COMPLETION_INDEX', 'SLURM_ARRAY_TASK_ID'] as const;

/** Returns the share that the flags ask for, undefined for the whole list; throws `USAGE`. */
export function parseShardFlags(
  { shard, shards }: ShardFlags,
  environment: NodeJS.ProcessEnv = process.env,
): Shard | undefined {
  if (shard !== undefined && shards !== undefined)
    throw new LadingError('USAGE', '--shard and --shards exclude each other', {
      hint: '--shard I/N names the share; --shards N takes the number of the job from its scheduler.',
    });
  if (shard !== undefined) return parseShard(shard);
  const count = wholeNumber('shards', shards, 1);
  if (count === undefined) return undefined;
  const variable = NUMBERS.find((name) => environment[name]);
  if (variable === undefined)
    throw new LadingError('USAGE', `--shards ${count} needs the number of this job`, {
      hint: `Schedulers set ${NUMBERS.join(' or ')}; elsewhere, --shard I/${count} says it, from 0/${count} to ${count - 1}/${count}.`,
    });
  const isOne = (number: string): boolean => /^\d{1,9}$/.test(number) && Number(number) < count;
  const number = environment[variable] ?? '';
  // If one job of the array is beyond the shares, a share has no job: all of them say so, rather than the last one alone.
  const last = (variable === 'SLURM_ARRAY_TASK_ID' && environment.SLURM_ARRAY_TASK_MAX) || number;
  if (isOne(number) && isOne(last)) return { index: Number(number), count };
  const wrong = isOne(number) ? `SLURM_ARRAY_TASK_MAX is ${last}` : `${variable} is ${number}`;
  throw new LadingError('USAGE', `${wrong}, and the jobs of --shards ${count} are 0 to ${count - 1}`, {
    hint: `Number them from 0, as Indexed Jobs of Kubernetes and sbatch --array=0-${count - 1} do.`,
  });
}
