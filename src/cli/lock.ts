import type { InferredOptionTypes } from 'yargs';
import { formatLockAs, type LockResult, lockImages, writeLockFile } from '../index.js';
import { BUCKET_OPTIONS, BUCKET_WRITE_OPTIONS } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { resultWithFailures } from './failures.js';
import { plural } from './format.js';
import { describeDifference } from './lock-difference.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
} from './options.js';
import { withProgress } from './progress.js';
import {
  IMAGE_POSITIONAL,
  LOCK_FORMAT_OPTION,
  LOCK_OPTION,
  WANTED_OPTIONS,
  type WantedArguments,
  wantedOptions,
} from './wanted.js';

const OPTIONS = {
  output: {
    alias: 'o',
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'File or s3://BUCKET/KEY for the lock; - for standard output',
    defaultDescription: '-',
  },
  'lock-format': LOCK_FORMAT_OPTION,
  lock: { ...LOCK_OPTION.lock, describe: 'Ask for the names of this lock anew, and show what has changed' },
  ...WANTED_OPTIONS,
  ...CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
  sse: BUCKET_WRITE_OPTIONS.sse,
  'sse-kms-key': BUCKET_WRITE_OPTIONS['sse-kms-key'],
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & WantedArguments & InferredOptionTypes<typeof OPTIONS>;

export const lockCommand: CommandModule = {
  options: OPTIONS,
  positionals: { IMAGE: IMAGE_POSITIONAL },
  examples: [
    { line: 'lading lock -f images.txt -o images.lock.json', summary: 'every digest of a list' },
    {
      line: 'lading lock --lock images.lock.json -o images.lock.json',
      summary: 'update it, and show what has changed',
    },
    {
      line: 'lading lock -f images.txt -o s3://images/all.lock.json',
      summary: 'into a bucket, for jobs',
    },
    {
      line: 'lading lock -f images.txt --lock-format imgpkg -o images.yml',
      summary: 'an ImagesLock for imgpkg and kbld',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const { output: file = '-', 'lock-format': format } = flags;
    const { code, ...wanted } = await wantedOptions(flags, { output, signal });
    const connection = connectionOptions(flags, output.warning);
    const result = await withProgress(flags, output, ({ onEvent }) =>
      lockImages({ ...connection, ...wanted, signal, onEvent }),
    );
    const { lock, difference } = result;
    if (file !== '-') await writeLockFile(file, lock, format, connection);
    const document = file === '-' && !flags.json ? await formatLockAs(lock, format) : undefined;
    if (document !== undefined) output.bytes(document);
    if (document !== undefined && difference !== undefined)
      output.message(describeDifference(difference).trimEnd());
    const { images, patterns } = lock;
    const shown = { images, patterns, failures: result.failures, ...(difference && { difference }) };
    return resultWithFailures(output, shown, {
      text: () => (document === undefined ? describe(result, file) : ''),
      isJSON: flags.json,
      code,
    });
  },
};

function describe({ lock, difference }: LockResult, file: string): string {
  const changes = difference === undefined ? '' : describeDifference(difference);
  return `${changes}${plural(lock.images.length, 'image')} in ${file}\n`;
}
