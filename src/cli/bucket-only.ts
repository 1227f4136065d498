import { BUCKET_OPTIONS, BUCKET_WRITE_OPTIONS } from './bucket-flags.js';
import { CONNECTION_OPTIONS, type CommandOption } from './options.js';

/** Flags of commands that connect to a bucket and to no registry. */
export const BUCKET_CONNECTION_OPTIONS = {
  retries: CONNECTION_OPTIONS.retries,
  'tls-verify': CONNECTION_OPTIONS['tls-verify'],
  ca: CONNECTION_OPTIONS.ca,
} as const satisfies Record<string, CommandOption>;

/** Those of commands that remove something: they write small objects alone. */
export const BUCKET_REMOVAL_OPTIONS = {
  ...BUCKET_CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
  sse: BUCKET_WRITE_OPTIONS.sse,
  'sse-kms-key': BUCKET_WRITE_OPTIONS['sse-kms-key'],
  'single-writer': BUCKET_WRITE_OPTIONS['single-writer'],
} as const satisfies Record<string, CommandOption>;

/** Flags of connections to registries that a bucket has no use for. */
export const NO_REGISTRY = {
  concurrency: undefined,
  'limit-rate': undefined,
  creds: undefined,
  authfile: undefined,
  cert: undefined,
  'key-file': undefined,
  'plain-http': undefined,
  v1: undefined,
  mirror: undefined,
  'private-addresses': undefined,
};
