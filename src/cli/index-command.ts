import type { InferredOptionTypes } from 'yargs';
import { indexBucket } from '../index.js';
import { BUCKET_WRITE_OPTIONS } from './bucket-flags.js';
import { BUCKET_CONNECTION_OPTIONS, NO_REGISTRY } from './bucket-only.js';
import type { CommandModule } from './command.js';
import { EXIT } from './exit-codes.js';
import { plural } from './format.js';
import { type CommandOption, connectionOptions, type GlobalArguments } from './options.js';
import { eventsTo } from './progress.js';

const OPTIONS = {
  ...BUCKET_CONNECTION_OPTIONS,
  ...BUCKET_WRITE_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & InferredOptionTypes<typeof OPTIONS> & { BUCKET: string };

export const indexCommand: CommandModule = {
  options: OPTIONS,
  positionals: {
    BUCKET: { type: 'string', demandOption: true, describe: 's3://BUCKET[/PREFIX]' },
  },
  examples: [
    { line: 'lading index s3://images/shop', summary: 'after the last writer, for tools that read layouts' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const result = await indexBucket(flags.BUCKET, {
      ...connectionOptions({ ...NO_REGISTRY, ...flags }, output.warning),
      signal,
      onEvent: eventsTo(output, flags),
    });
    output.result(
      result,
      () => `${result.location}: index.json has ${plural(result.entries, 'entry', 'entries')}\n`,
    );
    return EXIT.done;
  },
};
