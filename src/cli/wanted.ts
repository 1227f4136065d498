import type { InferredOptionTypes } from 'yargs';
import { type ConnectionOptions, LadingError, type Lock, readLock, type SaveOptions } from '../index.js';
import type { BucketArguments } from './bucket-flags.js';
import type { CommandContext } from './command.js';
import { EXIT } from './exit-codes.js';
import type { ImagesOfDocuments } from './from.js';
import {
  type CommandOption,
  type ConnectionArguments,
  connectionOptions,
  GRADE_OPTION,
  INDEX_OPTION,
  PLATFORM_OPTION,
  platformsOf,
  STRICT_OPTION,
} from './options.js';

/** The images that a command takes from registries. */
export const IMAGE_POSITIONAL = {
  type: 'string',
  array: true,
  describe: '[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST], or REPOSITORY:{RANGE}',
} as const;

/** Flags that say which images, and which parts of them, are taken from registries. */
export const WANTED_OPTIONS = {
  file: {
    alias: 'f',
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Read image names from a file, one per line; - for standard input',
  },
  from: {
    type: 'string',
    array: true,
    value: 'PATH',
    nargs: 1, // otherwise it consumes the arguments that follow
    describe: 'Take the images that lading find finds in a file, folder or chart',
  },
  grade: { ...GRADE_OPTION, describe: 'With --from: take images that are at least as sure as this' },
  exclude: {
    type: 'string',
    array: true,
    value: 'PATTERN',
    nargs: 1, // otherwise it consumes the arguments that follow
    describe: "Leave these images out: 'ghcr.io/product/*', api:4.2.0, 'api:{<4}'",
  },
  'all-tags': {
    alias: 'a',
    type: 'boolean',
    default: false,
    describe: 'Save every tag of repositories that are named without a tag',
  },
  platform: PLATFORM_OPTION,
  index: INDEX_OPTION,
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  'include-foreign': {
    type: 'boolean',
    default: false,
    describe: 'Fetch foreign layers too, from the registry or from their URLs, without credentials',
  },
  'keep-going': { type: 'boolean', default: false, describe: 'Go on with the other images when one fails' },
  ...STRICT_OPTION,
} as const satisfies Record<string, CommandOption>;

export const LOCK_OPTION = {
  lock: {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe:
      'Take the images of a lock (also s3://BUCKET/KEY), by digest; also an ImagesLock of imgpkg or dt',
  },
} as const satisfies Record<string, CommandOption>;

export const UPDATE_OPTION = {
  type: 'boolean',
  default: false,
  describe: 'With --lock: ask for its names anew, and show what has changed',
} as const satisfies CommandOption;

export const WAIT_OPTION = {
  type: 'boolean',
  default: false,
  describe: 'Wait where a registry has no pulls left, instead of giving up; up to a day',
} as const satisfies CommandOption;

export const LOCK_FORMAT_OPTION = {
  choices: ['lading', 'imgpkg'],
  requiresArg: true,
  describe: "Form of the lock that is written; imgpkg's ImagesLock has neither platforms nor attachments",
  defaultDescription: 'lading',
} as const satisfies CommandOption;

export type WantedArguments = InferredOptionTypes<typeof WANTED_OPTIONS> &
  InferredOptionTypes<typeof LOCK_OPTION> &
  ConnectionArguments &
  BucketArguments & { IMAGE?: string[] };

/**
 * Reads the lists, documents and locks that the flags name, and converts the flags to options of the library. `code` is
 * the exit code of a command that succeeds otherwise: a name in a document may not be resolved.
 */
export async function wantedOptions(
  flags: WantedArguments,
  context: Pick<CommandContext, 'output' | 'signal'>,
) {
  const found = await foundImages(flags, context);
  const images = [...(flags.IMAGE ?? []), ...found.images];
  const lock = await lockOf(flags);
  if (images.length === 0 && lock === undefined)
    throw new LadingError('USAGE', 'no image was named', {
      hint: 'Name images after the command, a list of them with --file, documents with --from, or a lock with --lock.',
    });
  return {
    code: found.code,
    images,
    origins: found.origins,
    lock,
    exclude: flags.exclude,
    allTags: flags['all-tags'],
    platforms: platformsOf(flags.platform),
    index: flags.index,
    referrers: flags.referrers,
    includeForeign: flags['include-foreign'],
    keepGoing: flags['keep-going'],
    strict: flags.strict,
  } satisfies Partial<SaveOptions> & { code: number };
}

function lockOf(flags: WantedArguments): Promise<Lock> | undefined {
  // What there is to warn of is said for the command itself.
  return flags.lock === undefined
    ? undefined
    : readLockAt(
        flags.lock,
        connectionOptions(flags, () => undefined),
      );
}

/** Reads a lock from the place that a flag names, which may be standard input. */
export function readLockAt(place: string, connection: ConnectionOptions = {}): Promise<Lock> {
  return readLock(place === '-' ? process.stdin : place, connection);
}

/** The reader of lists and documents is loaded only where there are some. */
async function foundImages(
  { file, from = [], grade, strict }: WantedArguments,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
): Promise<ImagesOfDocuments> {
  if (file === undefined && from.length === 0) return { images: [], origins: new Map(), code: EXIT.done };
  const { imagesOf } = await import('./from.js');
  return imagesOf({ file, from }, { grade, strict, output, signal });
}
