import type { InferredOptionTypes } from 'yargs';
import { type PruneResult, prune } from '../index.js';
import { BUCKET_REMOVAL_OPTIONS, NO_REGISTRY } from './bucket-only.js';
import type { CommandModule } from './command.js';
import { parseDuration } from './duration.js';
import { EXIT } from './exit-codes.js';
import { formatBytes, formatTable, plural } from './format.js';
import { type CommandOption, connectionOptions, type GlobalArguments } from './options.js';
import { eventsTo } from './progress.js';

const OPTIONS = {
  'dry-run': {
    alias: 'n',
    type: 'boolean',
    describe: 'Say what would be removed, and change nothing',
  },
  'older-than': {
    type: 'string',
    value: 'AGE',
    requiresArg: true,
    describe: 'Keep what is younger: runs that write may need it soon',
    defaultDescription: '24h',
  },
  pause: {
    type: 'string',
    value: 'TIME',
    requiresArg: true,
    describe: 'Of s3://…: time between the two looks at what is needed',
    defaultDescription: '1m',
  },
  ...BUCKET_REMOVAL_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { STORE: string };

export const pruneCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    STORE: { type: 'string', demandOption: true, describe: 's3://BUCKET[/PREFIX] or a layout directory' },
  },
  examples: [
    { line: 'lading prune s3://images/shop --dry-run', summary: 'what no name leads to' },
    { line: 'lading prune s3://images/shop', summary: 'each night, while others write' },
    { line: 'lading prune layout/ --older-than 7d', summary: 'of a layout directory' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await prune(flags.STORE, {
      ...connectionOptions({ ...NO_REGISTRY, ...flags }, output.warning),
      olderThanMs: parseDuration('older-than', flags['older-than']),
      waitMs: parseDuration('pause', flags.pause),
      dryRun: flags['dry-run'],
      signal,
      onEvent: eventsTo(output, flags),
      onCondemned({ blobs, bytes }) {
        if (!flags.quiet) output.message(`${plural(blobs, 'blob')} condemned, ${formatBytes(bytes)}`);
      },
    });
    output.result(result, () => describe(result));
    return result.failures.length === 0 ? EXIT.done : EXIT.partial;
  },
};

function describe({
  location,
  dryRun,
  names,
  removed,
  kept,
  young,
  spared,
  unfinished,
  failures,
}: PruneResult): string {
  const bytes = removed.reduce((sum, { size }) => sum + size, 0);
  const rows = removed.map(({ digest, size }) => [
    dryRun ? 'would go' : 'removed',
    digest,
    formatBytes(size),
  ]);
  const refused = failures.map(({ key, problem }) => ['refused', key, problem]);
  const parts = [
    `${plural(names, 'name')}`,
    `${plural(kept.blobs, 'blob')} kept (${formatBytes(kept.bytes)})`,
    ...(young.blobs > 0 ? [`${young.blobs} too young (${formatBytes(young.bytes)})`] : []),
    ...(spared.blobs > 0 ? [`${spared.blobs} needed again`] : []),
    ...(unfinished.blobs > 0
      ? [`${plural(unfinished.blobs, 'unfinished blob')} (${formatBytes(unfinished.bytes)})`]
      : []),
    `${removed.length} ${dryRun ? 'would go' : 'removed'} (${formatBytes(bytes)})`,
  ];
  return `${formatTable([...rows, ...refused])}${location}: ${parts.join(', ')}\n`;
}
