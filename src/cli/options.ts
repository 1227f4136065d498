import type { InferredOptionTypes } from 'yargs';
import { type ConnectionOptions, type Grade, LadingError, type RegistrySettings } from '../index.js';
import { type BucketArguments, bucketOptions } from './bucket-flags.js';
import type { CommandOption } from './command-option.js';
import { type CredentialFlags, type GivenCredentials, parseCredentials } from './credentials.js';
import { parseRate } from './rate.js';

export type { CommandOption, CommandOptions } from './command-option.js';

/** Flags of all commands. */
export const GLOBAL_OPTIONS = {
  json: {
    type: 'boolean',
    default: false,
    describe: 'Print one JSON document on standard output',
    group: 'Output:',
  },
  progress: {
    choices: ['auto', 'bar', 'lines', 'json', 'none'],
    requiresArg: true,
    default: 'auto',
    describe: 'How progress is shown on standard error',
    group: 'Output:',
  },
  quiet: {
    alias: 'q',
    type: 'boolean',
    default: false,
    describe: 'Print no progress and no warnings',
    group: 'Output:',
  },
  verbose: {
    alias: 'v',
    type: 'boolean',
    default: false,
    describe: 'Print every blob, every retry, and the causes of errors',
    group: 'Output:',
  },
  config: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Configuration file (YAML or JSON); also LADING_CONFIG',
    defaultDescription: '~/.config/lading/config.yaml',
    group: 'Output:',
  },
} as const satisfies Record<string, CommandOption>;

/** Flags of commands that connect to registries. */
export const CONNECTION_OPTIONS = {
  concurrency: {
    type: 'number',
    requiresArg: true,
    describe: 'Blobs that are copied at once',
    defaultDescription: '8',
    group: 'Registry:',
  },
  'limit-rate': {
    type: 'string',
    requiresArg: true,
    describe: 'Most bytes per second, of all connections together: 500K, 20M, 20MB/s',
    defaultDescription: 'unlimited',
    group: 'Registry:',
  },
  retries: {
    type: 'number',
    requiresArg: true,
    describe: 'Attempts after the first one',
    defaultDescription: '5',
    group: 'Registry:',
  },
  creds: {
    type: 'string',
    array: true,
    value: 'LOGIN',
    nargs: 1, // otherwise it consumes the arguments that follow
    describe: '[HOST=]USER[:PASSWORD], for one registry; LADING_USERNAME and LADING_PASSWORD are safer',
    group: 'Registry:',
  },
  authfile: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'File with credentials, in the format of docker and podman',
    group: 'Registry:',
  },
  'tls-verify': { type: 'boolean', default: true, describe: 'Check certificates', group: 'Registry:' },
  ca: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Certificate authority to trust (PEM)',
    group: 'Registry:',
  },
  cert: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Client certificate (PEM)',
    group: 'Registry:',
  },
  'key-file': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Key of the client certificate (PEM)',
    group: 'Registry:',
  },
  'plain-http': {
    type: 'boolean',
    describe: 'Use http; for registries on loopback it is used if https fails',
    group: 'Registry:',
  },
  v1: {
    type: 'boolean',
    describe: 'Read with the v1 protocol, from before 2015; by default only if a registry has no other',
    group: 'Registry:',
  },
  mirror: {
    type: 'string',
    array: true,
    value: 'HOST=MIRROR',
    nargs: 1, // otherwise it consumes the arguments that follow
    describe: 'A mirror, HOST=MIRROR[/PATH], to ask before HOST',
    group: 'Registry:',
  },
  'private-addresses': {
    type: 'boolean',
    describe: 'Allow registries to name token services and upload URLs at private addresses',
    group: 'Registry:',
  },
} as const satisfies Record<string, CommandOption>;

/** A flag of commands that show what there is. */
export const FORMAT_OPTION = {
  type: 'string',
  value: 'TEMPLATE',
  requiresArg: true,
  isOwn: true,
  describe: "json, 'table {{.Name}}\\t{{.Size}}', or a template for each image",
  group: 'Output:',
} as const satisfies CommandOption;

/** A flag of commands that read images and have no argument for their names. */
export const SELECT_OPTION = {
  type: 'string',
  array: true,
  value: 'PATTERN',
  nargs: 1, // otherwise it consumes the arguments that follow
  describe: "Only these images: 'ghcr.io/product/*', api:4.2.0, 'api:{>=4}'",
} as const satisfies CommandOption;

export const PLATFORM_OPTION = {
  type: 'string',
  array: true,
  value: 'OS/ARCH',
  nargs: 1, // otherwise it consumes the arguments that follow
  defaultDescription: 'all', // with a real default, yargs would accept the flag without a value
  describe: 'all, or OS/ARCH[/VARIANT][:VERSION], several with commas',
} as const satisfies CommandOption;

export const INDEX_OPTION = {
  choices: ['sparse', 'rewrite'],
  requiresArg: true,
  describe: 'With --platform: keep the index, or write a smaller one',
  defaultDescription: 'rewrite',
} as const satisfies CommandOption;

/** Flags of commands that copy images. */
export const STRICT_OPTION = {
  strict: {
    type: 'boolean',
    default: false,
    describe: 'Refuse images that violate their specification, instead of printing a warning',
  },
} as const satisfies Record<string, CommandOption>;

/** The least grade that is taken. */
export const GRADE_OPTION = {
  choices: ['certain', 'likely', 'possible'] as const satisfies readonly Grade[],
  requiresArg: true,
  describe: 'Take images that are at least as sure as this',
  defaultDescription: 'likely',
} as const satisfies CommandOption;

/** A flag of commands that write to registries. */
export const TAG_DIGESTS_OPTION = {
  type: 'boolean',
  default: false,
  describe: 'In a registry, tag images that have only a digest: sha256- and 12 digits',
} as const satisfies CommandOption;

/** Flags of commands that read archives, which may be compressed as a whole. */
export const ARCHIVE_LIMIT_OPTIONS = {
  'max-archive-bytes': {
    type: 'number',
    requiresArg: true,
    describe: 'Largest archive, in bytes, after decompression',
    group: 'Limits:',
  },
  'max-ratio': {
    type: 'number',
    requiresArg: true,
    describe: 'Largest ratio of decompressed to compressed bytes',
    defaultDescription: '1100',
    group: 'Limits:',
  },
} as const satisfies Record<string, CommandOption>;

/** Flags of commands that decompress layers too. */
export const LIMIT_OPTIONS = {
  ...ARCHIVE_LIMIT_OPTIONS,
  'max-layer-bytes': {
    type: 'number',
    requiresArg: true,
    describe: 'Largest layer, in bytes, after decompression',
    group: 'Limits:',
  },
} as const satisfies Record<string, CommandOption>;

export type GlobalArguments = Omit<InferredOptionTypes<typeof GLOBAL_OPTIONS>, 'config'> & {
  /** Settings of the configuration for single registries. */
  registries?: Record<string, RegistrySettings>;
};
export type ConnectionArguments = InferredOptionTypes<typeof CONNECTION_OPTIONS>;

/** Converts flags to options of the library; throws `USAGE`. */
export function connectionOptions(
  argv: ConnectionArguments & CredentialFlags & BucketArguments & Pick<GlobalArguments, 'registries'>,
  onWarning: (message: string) => void,
  environment: NodeJS.ProcessEnv = process.env,
): ConnectionOptions & GivenCredentials {
  return {
    concurrency: wholeNumber('concurrency', argv.concurrency, 1),
    limitRate: parseRate('limit-rate', argv['limit-rate']),
    retries: wholeNumber('retries', argv.retries, 0),
    ...parseCredentials(argv, environment, onWarning),
    authFile: argv.authfile,
    tlsVerify: argv['tls-verify'],
    caFile: argv.ca,
    certFile: argv.cert,
    keyFile: argv['key-file'],
    plainHTTP: argv['plain-http'],
    v1: argv.v1,
    mirrors: parseMirrors(argv.mirror ?? []),
    registries: argv.registries,
    privateAddresses: argv['private-addresses'],
    s3: bucketOptions(argv),
  };
}

/** Options against decompression bombs. */
export function archiveLimitOptions(argv: InferredOptionTypes<typeof ARCHIVE_LIMIT_OPTIONS>): {
  maxArchiveBytes: number | undefined;
  maxRatio: number | undefined;
} {
  return {
    maxArchiveBytes: wholeNumber('max-archive-bytes', argv['max-archive-bytes'], 1),
    maxRatio: wholeNumber('max-ratio', argv['max-ratio'], 1),
  };
}

export function limitOptions(
  argv: InferredOptionTypes<typeof LIMIT_OPTIONS>,
): ReturnType<typeof archiveLimitOptions> & { maxLayerBytes: number | undefined } {
  return {
    ...archiveLimitOptions(argv),
    maxLayerBytes: wholeNumber('max-layer-bytes', argv['max-layer-bytes'], 1),
  };
}

/** Returns the value of a flag that counts something; throws `USAGE` for fractions and for less than `least`. */
export function wholeNumber(flag: string, value: number | undefined, least: number): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value;
  throw new LadingError('USAGE', `--${flag} takes a whole number from ${least}, not ${value}`);
}

function parseMirrors(texts: readonly string[]): Record<string, string[]> {
  const mirrors: Record<string, string[]> = {};
  for (const text of texts) {
    const [registry, mirror, ...rest] = text.split('=');
    if (!registry || !mirror || rest.length > 0)
      throw new LadingError('USAGE', `--mirror takes HOST=MIRROR[/PATH], not "${text}"`);
    mirrors[registry] = [...(mirrors[registry] ?? []), mirror];
  }
  return mirrors;
}

/** Parses `--platform`; undefined for all platforms. */
export function platformsOf(flag: readonly string[] = ['all']): string[] | undefined {
  const platforms = flag.flatMap((text) => text.split(',')).map((text) => text.trim());
  return platforms.includes('all') ? undefined : platforms.filter((platform) => platform !== '');
}
