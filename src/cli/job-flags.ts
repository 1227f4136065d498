import type { InferredOptionTypes } from 'yargs';
import { BUCKET_WRITE_OPTIONS } from './bucket-flags.js';
import { KUBERNETES_OPTIONS } from './kubernetes.js';
import { CONNECTION_OPTIONS, type CommandOption, type GlobalArguments } from './options.js';
import { LOCK_OPTION, WANTED_OPTIONS } from './wanted.js';

/**
 * Flags that each job is given. Files of this machine are not among them, as jobs run elsewhere, nor logins, which would be
 * readable in what is printed; `--single-writer` is not true for several.
 */
export const INDEX_OPTIONS = {
  retries: CONNECTION_OPTIONS.retries,
  'tls-verify': CONNECTION_OPTIONS['tls-verify'],
  's3-endpoint': BUCKET_WRITE_OPTIONS['s3-endpoint'],
  's3-region': BUCKET_WRITE_OPTIONS['s3-region'],
  sse: BUCKET_WRITE_OPTIONS.sse,
  'sse-kms-key': BUCKET_WRITE_OPTIONS['sse-kms-key'],
} as const satisfies Record<string, CommandOption>;

export const SAVE_OPTIONS = {
  'all-tags': WANTED_OPTIONS['all-tags'],
  exclude: WANTED_OPTIONS.exclude,
  platform: WANTED_OPTIONS.platform,
  index: WANTED_OPTIONS.index,
  referrers: WANTED_OPTIONS.referrers,
  'include-foreign': WANTED_OPTIONS['include-foreign'],
  'keep-going': WANTED_OPTIONS['keep-going'],
  strict: WANTED_OPTIONS.strict,
  concurrency: CONNECTION_OPTIONS.concurrency,
  'limit-rate': CONNECTION_OPTIONS['limit-rate'],
  'plain-http': CONNECTION_OPTIONS['plain-http'],
  v1: CONNECTION_OPTIONS.v1,
  mirror: CONNECTION_OPTIONS.mirror,
  'private-addresses': CONNECTION_OPTIONS['private-addresses'],
  ...INDEX_OPTIONS,
  'part-size': BUCKET_WRITE_OPTIONS['part-size'],
} as const satisfies Record<string, CommandOption>;

export const JOB_OPTIONS = {
  output: {
    alias: 'o',
    type: 'string',
    demandOption: true,
    value: 'BUCKET',
    requiresArg: true,
    describe: 's3://BUCKET[/PREFIX], which all jobs write to',
  },
  shards: {
    type: 'number',
    demandOption: true,
    value: 'N',
    requiresArg: true,
    describe: 'Jobs that the list is shared among, by repository',
  },
  parallel: {
    type: 'number',
    value: 'N',
    requiresArg: true,
    describe: 'Jobs that run at once',
    defaultDescription: 'all',
  },
  print: {
    choices: ['kubernetes', 'slurm', 'parallel'],
    default: 'kubernetes',
    requiresArg: true,
    describe: 'A Job of Kubernetes, an array of Slurm, or a line for GNU parallel',
  },
  lock: {
    ...LOCK_OPTION.lock,
    describe: 'The images, by digest: s3://BUCKET/KEY, or a file (for Kubernetes up to 900 KiB)',
  },
  ...SAVE_OPTIONS,
  ...KUBERNETES_OPTIONS,
  'registry-secret': {
    type: 'string',
    value: 'NAME',
    requiresArg: true,
    describe: 'Secret of kubectl create secret docker-registry, with logins at registries',
    group: 'Kubernetes:',
  },
} as const satisfies Record<string, CommandOption>;

export type JobFlags = GlobalArguments & InferredOptionTypes<typeof JOB_OPTIONS> & { IMAGE?: string[] };
