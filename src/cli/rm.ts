import type { InferredOptionTypes } from 'yargs';
import { LadingError, type RemoveNamesResult, removeNames } from '../index.js';
import { BUCKET_REMOVAL_OPTIONS, NO_REGISTRY } from './bucket-only.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { formatTable, plural } from './format.js';
import { type CommandOption, connectionOptions, type GlobalArguments } from './options.js';
import { eventsTo } from './progress.js';
import { readLockAt } from './wanted.js';

const OPTIONS = {
  'dry-run': {
    alias: 'n',
    type: 'boolean',
    describe: 'Say which names would go, and change nothing',
  },
  'not-in': {
    type: 'string',
    value: 'LOCK',
    requiresArg: true,
    describe: 'Only names that are not in this lock: a file, s3://BUCKET/KEY, or - for standard input',
  },
  ...BUCKET_REMOVAL_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { STORE: string; IMAGE?: string[] };

export const rmCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    STORE: { type: 'string', demandOption: true, describe: 's3://BUCKET[/PREFIX] or a layout directory' },
    IMAGE: {
      type: 'string',
      array: true,
      describe:
        "Names, ends of names, patterns: ghcr.io/shop/api:4.2.0, api:4.2.0, 'ghcr.io/old/*', 'api:{<4}'",
    },
  },
  examples: [
    { line: "lading rm s3://images/shop 'api:{<4}' --dry-run", summary: 'which names would go' },
    { line: 'lading rm s3://images/shop api:4.2.0', summary: 'a name; lading prune frees its space' },
    {
      line: 'lading rm s3://images/all --not-in s3://images/all.lock.json',
      summary: 'what a mirror no longer has',
    },
  ],
  epilogue: 'Signatures and other attachments go with the last name of what they are attached to.',
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const images = flags.IMAGE ?? [];
    const lock = flags['not-in'];
    if (images.length === 0 && lock === undefined)
      throw new LadingError('USAGE', 'no image was named', {
        hint: "Name images after the place, '**' for all of them, or a lock with --not-in.",
      });
    const connection = connectionOptions({ ...NO_REGISTRY, ...flags }, output.warning);
    const keep = lock === undefined ? undefined : (await readLockAt(lock, connection)).images;
    const result = await removeNames(flags.STORE, images, {
      ...connection,
      keep: keep?.map(({ name }) => name),
      dryRun: flags['dry-run'],
      signal,
      onEvent: eventsTo(output, flags),
    });
    output.result(result, () => describe(result));
    return result.failures.length === 0 ? EXIT.done : EXIT.partial;
  },
};

function describe({ location, dryRun, removed, left, failures }: RemoveNamesResult): string {
  const rows = removed.map(({ name, digest, subject }) => [
    dryRun ? 'would go' : 'removed',
    name,
    digest ?? 'damaged',
    subject === undefined ? '' : `attached to ${subject}`,
  ]);
  const kept = failures.map(({ name, problem }) => ['kept', name, problem, '']);
  const sum = `${plural(removed.length, 'name')} ${dryRun ? 'would go' : 'removed'}, ${left} left`;
  const next = dryRun || removed.length === 0 ? '' : '; lading prune frees their space';
  return `${formatTable([...rows, ...kept])}${location}: ${sum}${next}\n`;
}
