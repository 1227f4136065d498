import type { InferredOptionTypes } from 'yargs';
import type { S3Options } from '../index.js';
import type { CommandOption } from './command-option.js';
import { parseSize } from './rate.js';

/** Flags of commands that read buckets (`s3://…`). */
export const BUCKET_OPTIONS = {
  's3-endpoint': {
    type: 'string',
    value: 'URL',
    requiresArg: true,
    describe: 'Service of s3://…, if it is not Amazon’s; also AWS_ENDPOINT_URL',
    group: 'Bucket:',
  },
  's3-region': {
    type: 'string',
    value: 'REGION',
    requiresArg: true,
    describe: 'Region of s3://…; also AWS_REGION',
    group: 'Bucket:',
  },
} as const satisfies Record<string, CommandOption>;

/** Flags of commands that write to buckets, too. */
export const BUCKET_WRITE_OPTIONS = {
  ...BUCKET_OPTIONS,
  'part-size': {
    type: 'string',
    value: 'BYTES',
    requiresArg: true,
    describe: 'Blobs above this size are written to s3://… in parts, from 5M',
    defaultDescription: '64M',
    group: 'Bucket:',
  },
  sse: {
    choices: ['AES256', 'aws:kms'],
    requiresArg: true,
    describe: 'Encryption that the service of s3://… is asked for',
    defaultDescription: 'that of the bucket',
    group: 'Bucket:',
  },
  'sse-kms-key': {
    type: 'string',
    value: 'KEY',
    requiresArg: true,
    describe: 'Key of --sse aws:kms',
    group: 'Bucket:',
  },
  'single-writer': {
    type: 'boolean',
    describe: 'Nobody else writes to s3://…, so the service need not know conditional writes',
    group: 'Bucket:',
  },
} as const satisfies Record<string, CommandOption>;

/** A flag of commands that read images from buckets. */
export const SIGN_REQUEST_OPTION = {
  'sign-request': {
    type: 'boolean',
    default: true,
    describe: 'Read s3://… with a key; --no-sign-request needs none, for public buckets',
    group: 'Bucket:',
  },
} as const satisfies Record<string, CommandOption>;

export type BucketArguments = Partial<
  InferredOptionTypes<typeof BUCKET_WRITE_OPTIONS & typeof SIGN_REQUEST_OPTION>
>;

/** Converts flags to options of the library; throws `USAGE`. */
export function bucketOptions(argv: BucketArguments): S3Options {
  return {
    endpoint: argv['s3-endpoint'],
    region: argv['s3-region'],
    anonymous: argv['sign-request'] === false,
    partBytes: parseSize('part-size', argv['part-size']),
    sse: argv.sse,
    sseKMSKey: argv['sse-kms-key'],
    singleWriter: argv['single-writer'],
  };
}
