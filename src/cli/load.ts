import type { InferredOptionTypes } from 'yargs';
import { type LoadResult, load } from '../index.js';
import { BUCKET_OPTIONS, SIGN_REQUEST_OPTION } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import { failuresOf, resultWithFailures } from './failures.js';
import { formatBytes, formatTable, plural } from './format.js';
import {
  ARCHIVE_LIMIT_OPTIONS,
  archiveLimitOptions,
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
  INDEX_OPTION,
  PLATFORM_OPTION,
  platformsOf,
  STRICT_OPTION,
  TAG_DIGESTS_OPTION,
} from './options.js';
import { withProgress } from './progress.js';

const OPTIONS = {
  input: {
    alias: 'i',
    type: 'string',
    demandOption: true,
    value: 'PATH',
    requiresArg: true,
    describe: 'Archive or layout; - for standard input',
  },
  name: {
    type: 'string',
    value: 'IMAGE',
    requiresArg: true,
    describe: 'Name for an image that has none',
  },
  'keep-host': { type: 'boolean', default: false, describe: "Keep the source's host, as part of the path" },
  map: { type: 'string', value: 'FILE', requiresArg: true, describe: 'File with rules for names (YAML)' },
  'tag-digests': TAG_DIGESTS_OPTION,
  'write-map': {
    type: 'string',
    value: 'FILE',
    requiresArg: true,
    describe: 'Write source, destination and digest of each image to a file',
  },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Show what would be pushed where, and push nothing',
  },
  clobber: {
    type: 'boolean',
    default: true,
    describe: 'Move tags that name another image; --no-clobber refuses',
  },
  'all-platforms': {
    type: 'boolean',
    default: true,
    describe: 'Push every platform that is there',
    hidden: true,
  },
  platform: PLATFORM_OPTION,
  index: INDEX_OPTION,
  referrers: { type: 'boolean', default: true, describe: 'Signatures, SBOMs and attestations too' },
  'keep-going': { type: 'boolean', default: false, describe: 'Push the other images when one fails' },
  'chunk-bytes': {
    type: 'number',
    requiresArg: true,
    describe: 'Send blobs in chunks of N bytes',
    defaultDescription: 'whole',
  },
  ...ARCHIVE_LIMIT_OPTIONS,
  ...STRICT_OPTION,
  ...CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
  ...SIGN_REQUEST_OPTION,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { DEST: string; IMAGE?: string[] };

export const loadCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    DEST: { type: 'string', demandOption: true, describe: 'Where to push, HOST[:PORT][/PREFIX]' },
    IMAGE: { type: 'string', array: true, describe: 'Only these images' },
  },
  examples: [
    { line: 'lading load -i images.tar registry.local:5000', summary: 'everything, each under its own path' },
    {
      line: 'lading load -i images.tar registry.local:5000/mirror alpine:3.20',
      summary: 'one image, under a prefix',
    },
    {
      line: 'docker save app | lading load -i - registry.local:5000',
      summary: 'an image of Docker, with its layers compressed',
    },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await withProgress(flags, output, ({ onEvent }) =>
      load({
        strict: flags.strict,
        ...connectionOptions(flags, output.warning),
        ...archiveLimitOptions(flags),
        input: flags.input === '-' ? process.stdin : flags.input,
        destination: flags.DEST,
        images: flags.IMAGE,
        platforms: platformsOf(flags.platform),
        index: flags.index,
        name: flags.name,
        keepHost: flags['keep-host'],
        mapFile: flags.map,
        writeMap: flags['write-map'],
        tagDigests: flags['tag-digests'],
        dryRun: flags['dry-run'],
        noClobber: !flags.clobber,
        referrers: flags.referrers,
        keepGoing: flags['keep-going'],
        chunkBytes: flags['chunk-bytes'],
        signal,
        onEvent,
      }),
    );
    return resultWithFailures(output, result, { text: () => describeLoaded(result), isJSON: flags.json });
  },
};

function describeLoaded(result: LoadResult): string {
  const { images, blobs, bytes, dryRun, standings } = result;
  const rows = images.map(({ name, pushed, digest }) => {
    const standing = standings?.[pushed];
    return [name, '->', pushed, digest, ...(standing === undefined ? [] : [STANDING[standing]])];
  });
  const parts = [
    `${formatBytes(bytes.pushed)} ${dryRun ? 'to push' : 'pushed'}`,
    ...(blobs.mounted > 0 ? [`${plural(blobs.mounted, 'blob')} ${dryRun ? 'to mount' : 'mounted'}`] : []),
    ...(blobs.present > 0 ? [`${plural(blobs.present, 'blob')} already there`] : []),
  ];
  const table = formatTable(rows);
  if (!dryRun) return `${table}${failuresOf(result)}${plural(images.length, 'image')}: ${parts.join(', ')}\n`;
  const cost = standings === undefined ? '' : `: ${parts.join(', ')}`;
  return `${table}${failuresOf(result)}${plural(images.length, 'image')} would be pushed${cost}\n`;
}

const STANDING = {
  new: 'new',
  same: 'is there',
  moves: 'the tag moves',
  unknown: 'a tag is there; its layers are compressed first',
};
