import type { InferredOptionTypes } from 'yargs';
import { BUCKET_OPTIONS } from './bucket-flags.js';
import type { CommandModule } from './command.js';
import {
  CONNECTION_OPTIONS,
  type CommandOption,
  connectionOptions,
  type GlobalArguments,
} from './options.js';
import { fileOptions, OUTPUT_OPTIONS } from './save.js';
import { showPlan } from './show-plan.js';
import {
  IMAGE_POSITIONAL,
  LOCK_OPTION,
  UPDATE_OPTION,
  WAIT_OPTION,
  WANTED_OPTIONS,
  type WantedArguments,
  wantedOptions,
} from './wanted.js';

const OPTIONS = {
  ...OUTPUT_OPTIONS,
  output: {
    alias: 'o',
    type: 'string',
    value: 'OUT',
    requiresArg: true,
    describe: 'Output of the save: what it has already is not fetched',
  },
  ...WANTED_OPTIONS,
  ...LOCK_OPTION,
  update: UPDATE_OPTION,
  wait: WAIT_OPTION,
  ...CONNECTION_OPTIONS,
  ...BUCKET_OPTIONS,
} as const satisfies Record<string, CommandOption>;

type Arguments = GlobalArguments & WantedArguments & InferredOptionTypes<typeof OPTIONS>;

export const planCommand: CommandModule = {
  options: OPTIONS,
  positionals: { IMAGE: IMAGE_POSITIONAL },
  examples: [
    { line: 'lading plan -f images.txt -o images.tar', summary: 'bytes, space and pulls of a save' },
    { line: 'lading plan --lock images.lock.json --json', summary: 'for scripts' },
  ],
  async run(argv, { output, signal }) {
    const flags = argv as Arguments; // yargs has parsed by OPTIONS
    const { code, ...wanted } = await wantedOptions(flags, { output, signal });
    return showPlan(
      {
        ...connectionOptions(flags, output.warning),
        ...wanted,
        ...fileOptions({ ...flags, output: flags.output ?? '-' }),
        output: flags.output === '-' ? undefined : flags.output,
        updateLock: flags.update,
        waitForPulls: flags.wait,
        signal,
      },
      { flags, output, code },
    );
  },
};
