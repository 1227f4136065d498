import { resolve } from 'node:path';
import { isBucket } from '../index.js';
import { shellWords, templateWords } from './command-words.js';
import type { JobFlags } from './job-flags.js';
import type { JobPlan, PrintedJob } from './job-plan.js';
import { nameOf } from './kubernetes.js';

/** Megabytes that a job has in Slurm, as in Kubernetes (job-kubernetes.ts). */
const MEMORY = 1024;

/** Returns a script for sbatch, or a line for GNU parallel. */
export function textOf(plan: JobPlan, flags: JobFlags): PrintedJob {
  return flags.print === 'slurm' ? slurmScript(plan, flags) : parallelLine(plan, flags);
}

/** Returns the words of a job. It may start in another folder than this one. */
function saveWords({ save, lock }: JobPlan, share: readonly string[]): string[] {
  const isFile = lock !== undefined && !isBucket(lock);
  const locked = lock === undefined ? [] : ['--lock', isFile ? resolve(lock) : lock];
  return ['lading', 'save', ...locked, ...save, ...share];
}

/**
 * Slurm sends its signals to steps rather than to the script, so the save is a step, which srun starts. Jobs that have
 * failed are not run again: a script cannot say for which exit codes that would help.
 */
function slurmScript(plan: JobPlan, flags: JobFlags): PrintedJob {
  const { shards, parallel } = plan;
  const name = nameOf(flags);
  const most = parallel < shards ? `%${parallel}` : '';
  const text = `#!/bin/sh
#SBATCH --job-name=${name}
#SBATCH --array=0-${shards - 1}${most}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=${MEMORY}M
#SBATCH --output=${name}-%a.log
# Single shares again, with their own numbers: sbatch --array=3,5 THIS-FILE
exec srun ${shellWords(saveWords(plan, ['--shards', String(shards)]))}
`;
  const index = shellWords([`--wrap=srun ${shellWords(['lading', ...plan.index])}`]);
  return {
    text,
    next: [`sbatch --dependency=afterok:$(sbatch --parsable FILE) --job-name=${name}-index ${index}`],
  };
}

/** The line of a job is for sh, whatever shell the user has: others quote in other ways. */
function parallelLine(plan: JobPlan, flags: JobFlags): PrintedJob {
  const { shards, parallel, index } = plan;
  const save = `${templateWords(saveWords(plan, []))} --shard {}/${shards}`;
  const words = ['parallel', '--jobs', String(parallel), '--joblog', `${nameOf(flags)}.joblog`, '--tag'];
  const command = shellWords([...words, '--line-buffer', save]);
  return {
    text: `seq 0 ${shards - 1} | PARALLEL_SHELL=/bin/sh ${command} &&\n  ${shellWords(['lading', ...index])}\n`,
    next: [],
  };
}
