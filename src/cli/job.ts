import { isBucket, LadingError, openDestination } from '../index.js';
import { withBucketPlace } from './bucket-place.js';
import type { CommandModule } from './command.js';
import { requirePrintable, wordsOfFlags } from './command-words.js';
import { EXIT } from './exit-codes.js';
import { INDEX_OPTIONS, JOB_OPTIONS, type JobFlags, SAVE_OPTIONS } from './job-flags.js';
import type { JobPlan } from './job-plan.js';
import { wholeNumber } from './options.js';
import { IMAGE_POSITIONAL } from './wanted.js';

/** Indexed Jobs take no more completions, if they count failures by index. (Kubernetes, batch/v1, JobSpec) */
const MAX_SHARDS = 100_000;

export const jobCommand: CommandModule = {
  options: JOB_OPTIONS,
  positionals: { IMAGE: IMAGE_POSITIONAL },
  examples: [
    {
      line: 'lading job --lock s3://images/all.lock.json -o s3://images/all --shards 8 --s3-secret bucket',
      summary: 'a Job of Kubernetes: … | kubectl apply -f -',
    },
    {
      line: 'lading job --lock s3://images/all.lock.json -o s3://images/all --shards 8 --print slurm',
      summary: 'a script for sbatch',
    },
    {
      line: 'lading job --lock all.lock.json -o s3://images/all --shards 40 --parallel 4 --print parallel',
      summary: 'on one machine',
    },
  ],
  epilogue: 'Nothing is run. Each job is a lading save of its share; docs/scale.md has more.',
  async run(argv, { output }) {
    const flags = await withBucketPlace(argv as JobFlags); // yargs has parsed by JOB_OPTIONS
    const plan = await planOf(flags);
    const { textOf } =
      flags.print === 'kubernetes' ? await import('./job-kubernetes.js') : await import('./job-script.js');
    const { text, next } = await textOf(plan, flags);
    output.result({ print: flags.print, text, next }, () => text);
    if (!flags.quiet) for (const line of next) output.message(`then: ${line}`);
    return EXIT.done;
  },
};

/** Converts flags to what is to be run; rejects with `USAGE`. */
async function planOf(flags: JobFlags): Promise<JobPlan> {
  const shards = wholeNumber('shards', flags.shards, 1) ?? 1;
  if (shards > MAX_SHARDS)
    throw new LadingError('USAGE', `--shards takes at most ${MAX_SHARDS}, not ${shards}`);
  const parallel = Math.min(wholeNumber('parallel', flags.parallel, 1) ?? shards, shards);
  const images = flags.IMAGE ?? [];
  if (images.length === 0 && flags.lock === undefined)
    throw new LadingError('USAGE', 'no image was named', {
      hint: 'Name a lock with --lock, which lading lock makes of a list, or images after the command.',
    });
  if (images.length > 0 && flags.lock !== undefined)
    throw new LadingError('USAGE', '--lock says which images are meant: no others can be named');
  if (!isBucket(flags.output))
    throw new LadingError('USAGE', `--output takes s3://BUCKET[/PREFIX], not "${flags.output}"`, {
      hint: 'Many writers at a time need a bucket.',
    });
  // Refuses what is no bucket; nothing is sent.
  await (await openDestination(flags.output)).close();
  if (flags.lock === '-') throw new LadingError('USAGE', 'jobs cannot read a lock from standard input');
  for (const [what, values] of [
    ['an image', images],
    ['--lock', flags.lock === undefined ? [] : [flags.lock]],
  ] as const)
    for (const value of values) requirePrintable(what, value);
  return {
    shards,
    parallel,
    lock: flags.lock,
    save: [...images, '--output', flags.output, ...wordsOfFlags(SAVE_OPTIONS, flags)],
    index: ['index', flags.output, ...wordsOfFlags(INDEX_OPTIONS, flags)],
  };
}
