import { basename } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import { type CarriedProgram, type SaveOptions, type SaveResult, type Shard, save } from '../index.js';
import { BUCKET_WRITE_OPTIONS } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { parseCompression } from './compression.js';
import { failuresOf, resultWithFailures } from './failures.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  PLATFORM_OPTION,
} from './options.js';
import { withProgress } from './progress.js';
import {
  IMAGE_POSITIONAL,
  LOCK_FORMAT_OPTION,
  LOCK_OPTION,
  UPDATE_OPTION,
  WAIT_OPTION,
  WANTED_OPTIONS,
  wantedOptions,
} from './wanted.js';
import type { Carrier } from './with-program.js';

/** Flags of commands that write an archive or a layout. */
export const OUTPUT_OPTIONS = {
  output: {
    alias: 'o',
    type: 'string',
    demandOption: true,
    value: 'OUT',
    requiresArg: true,
    describe: 'File, directory (DIR/), or - for standard output',
  },
  format: {
    choices: ['universal', 'oci-archive', 'oci', 'docker-archive'],
    requiresArg: true,
    describe: 'Format of the output, see lading help formats',
    defaultDescription: 'oci for a directory, else universal',
  },
  platform: PLATFORM_OPTION,
  'docker-legacy': {
    type: 'boolean',
    default: false,
    describe: 'Add what Docker before 1.10 reads to a docker-archive',
  },
  'compress-archive': {
    type: 'string',
    requiresArg: true,
    describe: 'Compress the whole archive: gzip[:LEVEL] or zstd[:LEVEL]',
    defaultDescription: 'by the name of the file',
  },
  append: { type: 'boolean', default: false, describe: 'Add to an existing archive or layout' },
  'docker-platform': {
    type: 'string',
    value: 'OS/ARCH',
    requiresArg: true,
    describe: "Platform of an index that stands in Docker's half of an archive",
    defaultDescription: 'linux/amd64',
  },
} as const satisfies Record<string, CommandOption>;

/** Converts the flag for the compression of an archive to options of the library; throws `USAGE`. */
export function archiveCompressionOptions(argv: {
  'compress-archive'?: string | undefined;
}): Pick<SaveOptions, 'archiveCompression' | 'archiveCompressionLevel'> {
  const text = argv['compress-archive'];
  if (text === undefined) return {};
  const { form, level } = parseCompression('compress-archive', text, ['gzip', 'zstd', 'none']);
  return { archiveCompression: form, archiveCompressionLevel: level };
}

/** Converts the flags of output to options of the library. */
export function fileOptions(flags: InferredOptionTypes<typeof OUTPUT_OPTIONS>) {
  return {
    format: flags.format,
    append: flags.append,
    ...archiveCompressionOptions(flags),
    dockerPlatform: flags['docker-platform'],
    dockerLegacy: flags['docker-legacy'],
  } satisfies Partial<SaveOptions>;
}

const OPTIONS = {
  ...OUTPUT_OPTIONS,
  ...WANTED_OPTIONS,
  ...LOCK_OPTION,
  update: UPDATE_OPTION,
  shard: {
    type: 'string',
    value: 'I/N',
    requiresArg: true,
    describe: 'Only share I of N, by repository; I is counted from 0',
  },
  shards: {
    type: 'number',
    value: 'N',
    requiresArg: true,
    describe: 'Only the share of this job among N: JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID',
  },
  'write-lock': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Write a lock of what was saved: every digest, for the same bytes later',
  },
  'lock-format': LOCK_FORMAT_OPTION,
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Show what would be fetched and written, as lading plan does, and write nothing',
  },
  wait: WAIT_OPTION,
  'with-program': {
    type: 'string',
    value: '[=ARCH|FILE]',
    bareValue: 'this',
    describe: 'Put the executable of lading, SHA256SUMS and READ-ME-FIRST.txt beside the archive',
  },
  ...CONNECTION_OPTIONS,
  ...BUCKET_WRITE_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { IMAGE?: string[] };

export const saveCommand: CommandModule = {
  options: OPTIONS,
  positionals: { IMAGE: IMAGE_POSITIONAL },
  examples: [
    { line: 'lading save alpine:3.20 -o alpine.tar', summary: 'one image, all platforms' },
    {
      line: 'lading save -f images.txt -o images.tar --platform linux/amd64',
      summary: 'a list, one platform',
    },
    {
      line: "lading save 'alpine:{>=3.19 <3.22, newest 2}' -o alpine.tar",
      summary: 'tags by a pattern, see docs/lists.md',
    },
    { line: 'lading save ghcr.io/org/app:1 -o layout/ --append', summary: 'into a layout directory' },
    { line: 'lading save busybox -o - | docker load', summary: 'without a file' },
    {
      line: 'lading save -f images.txt -o images.tar --write-lock images.lock.json',
      summary: 'and a lock, for --lock',
    },
    {
      line: 'lading save --lock images.lock.json -o s3://images/all --shard 0/8',
      summary: 'the first of eight shares',
    },
    {
      line: 'lading save --lock images.lock.json -o images.tar',
      summary: 'the same bytes at any later time',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const shard = await shardOf(flags);
    const { code, ...wanted } = await wantedOptions(flags, { output, signal });
    const options = {
      ...connectionOptions(flags, output.warning),
      ...wanted,
      ...fileOptions(flags),
      shard,
      updateLock: flags.update,
      writeLock: flags['write-lock'],
      lockFormat: flags['lock-format'],
      waitForPulls: flags.wait,
      signal,
    };
    if (flags['dry-run']) {
      const { showPlan } = await import('./show-plan.js');
      const target = flags.output === '-' ? undefined : flags.output;
      return showPlan({ ...options, output: target }, { flags, output, code });
    }
    const carrier = await carrierOf(flags);
    const target = flags.output === '-' ? output.reserveStdout() : flags.output;
    const result = await withProgress(flags, output, ({ onEvent }) =>
      save({ ...options, output: target, onEvent }),
    );
    const carried = result.images.length === 0 ? undefined : await carrier?.carry(signal);
    const changes = await describeChanges(result);
    const shown = { ...result, ...(carried && { carried }) };
    return resultWithFailures(output, shown, {
      text: () => changes + describeSaved(result) + describeCarried(carried),
      isJSON: flags.json,
      code,
    });
  },
};

function describeSaved(result: SaveResult): string {
  const { images, output, blobs, bytes, shard } = result;
  if (shard !== undefined && images.length === 0 && result.failures.length === 0)
    return `no image of the list belongs to shard ${shard.index}/${shard.count}: nothing was written\n`;
  const rows = images.map((image) => [
    image.name,
    image.digest,
    formatBytes(image.size),
    ...(image.originalDigest === undefined ? [] : [`(at the registry ${image.originalDigest})`]),
  ]);
  const reused = blobs.reused > 0 ? `, ${plural(blobs.reused, 'blob')} already there` : '';
  const where = output === '-' ? 'standard output' : output;
  return `${formatTable(rows)}${failuresOf(result)}${plural(images.length, 'image')} in ${where}: ${formatBytes(bytes.total)}, ${formatBytes(bytes.fetched)} fetched${reused}\n`;
}

/** It is loaded only where it is used. */
async function describeChanges({ difference }: SaveResult): Promise<string> {
  if (difference === undefined) return '';
  const { describeDifference } = await import('./lock-difference.js');
  return describeDifference(difference);
}

/** It is loaded only where it is used. */
async function carrierOf(flags: Arguments): Promise<Carrier | undefined> {
  const wanted = flags['with-program'];
  if (wanted === undefined) return undefined;
  const { prepareCarrying } = await import('./with-program.js');
  return prepareCarrying(wanted, flags.output);
}

/** It is loaded only where it is used. */
async function shardOf(flags: Arguments): Promise<Shard | undefined> {
  if (flags.shard === undefined && flags.shards === undefined) return undefined;
  const { parseShardFlags } = await import('./shard-flags.js');
  return parseShardFlags(flags);
}

function describeCarried(carried: CarriedProgram | undefined): string {
  if (carried === undefined) return '';
  return `beside it: ${Object.values(carried)
    .map((path) => basename(path))
    .join(', ')}\n`;
}
