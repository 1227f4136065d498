import { readFile } from 'node:fs/promises';
import { text as readText } from 'node:stream/consumers';
import type { InferredOptionTypes } from 'yargs';
import { LadingError, parseImageList, readFailure, readLock, type SaveOptions } from '../index.js';
import { type CommandOption, platformsOf, STRICT_OPTION } from './options.js';

/** The images that a command takes from registries. */
export const IMAGE_POSITIONAL = {
  type: 'string',
  array: true,
  describe: '[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]',
} as const;

export const PLATFORM_OPTION = {
  type: 'string',
  array: true,
  value: 'OS/ARCH',
  nargs: 1, // otherwise it consumes the arguments that follow
  defaultDescription: 'all', // with a real default, yargs would accept the flag without a value
  describe: 'all, or OS/ARCH[/VARIANT][:VERSION], several with commas',
} as const satisfies CommandOption;

/** Flags that say which images, and which parts of them, are taken from registries. */
export const WANTED_OPTIONS = {
  file: {
    alias: 'f',
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Read image names from a file, one per line; - for standard input',
  },
  'all-tags': {
    alias: 'a',
    type: 'boolean',
    default: false,
    describe: 'Save every tag of repositories that are named without a tag',
  },
  platform: PLATFORM_OPTION,
  index: {
    choices: ['sparse', 'rewrite'],
    requiresArg: true,
    describe: 'With --platform: keep the index, or write a smaller one',
    defaultDescription: 'rewrite',
  },
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
    describe: 'Take the images of a lock, by digest; an ImagesLock of imgpkg or dt is one too',
  },
} as const satisfies Record<string, CommandOption>;

export const UPDATE_OPTION = {
  type: 'boolean',
  default: false,
  describe: 'With --lock: ask for its names anew, and show what has changed',
} as const satisfies CommandOption;

export const LOCK_FORMAT_OPTION = {
  choices: ['lading', 'imgpkg'],
  requiresArg: true,
  describe: "Form of the lock that is written; imgpkg's ImagesLock has neither platforms nor attachments",
  defaultDescription: 'lading',
} as const satisfies CommandOption;

export type WantedArguments = InferredOptionTypes<typeof WANTED_OPTIONS> &
  InferredOptionTypes<typeof LOCK_OPTION> & { IMAGE?: string[] };

/** Reads the lists and locks that the flags name, and converts the flags to options of the library. */
export async function wantedOptions(flags: WantedArguments) {
  const images = [...(flags.IMAGE ?? []), ...(await listedImages(flags.file))];
  const lock =
    flags.lock === undefined ? undefined : await readLock(flags.lock === '-' ? process.stdin : flags.lock);
  if (images.length === 0 && lock === undefined)
    throw new LadingError('USAGE', 'no image was named', {
      hint: 'Name images after the command, or a list of them with --file, or a lock with --lock.',
    });
  return {
    images,
    lock,
    allTags: flags['all-tags'],
    platforms: platformsOf(flags.platform),
    index: flags.index,
    referrers: flags.referrers,
    includeForeign: flags['include-foreign'],
    keepGoing: flags['keep-going'],
    strict: flags.strict,
  } satisfies Partial<SaveOptions>;
}

async function listedImages(file: string | undefined): Promise<string[]> {
  if (file === undefined) return [];
  if (file === '-') return parseImageList(await readText(process.stdin));
  try {
    return parseImageList(await readFile(file, 'utf8'));
  } catch (error) {
    throw readFailure(`the list ${file}`, error);
  }
}
