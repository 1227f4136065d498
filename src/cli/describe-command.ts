import type { PositionalOptions } from 'yargs';
import type { Command, Example } from './command.js';
import { type CommandOption, type CommandOptions, GLOBAL_OPTIONS } from './options.js';

/** Everything that the help says of a command, as data. */
export interface CommandDescription {
  name: string;
  aliases: readonly string[];
  /** The command line as in `lading save IMAGE... -o OUT`. */
  usage: string;
  summary: string;
  arguments: { name: string; describe: string; isRequired: boolean }[];
  /** In the order of the help: those that all commands share are last. */
  options: OptionDescription[];
  examples: readonly Example[];
  epilogue: string | undefined;
}

export interface OptionDescription {
  name: string;
  /** A letter. */
  alias: string | undefined;
  /** What its value is called; undefined for a flag without one. */
  value: string | undefined;
  describe: string;
  group: string;
  choices: readonly string[] | undefined;
  default: string | undefined;
  isRequired: boolean;
  isRepeatable: boolean;
  /** Whether `--no-NAME` is the use that matters, because it is on by default. */
  isOnByDefault: boolean;
}

/** Groups that several commands share; the help shows them last, in this order. */
const SHARED_GROUPS = ['Limits', 'Output', 'Registry', 'Bucket'];
const OWN_GROUP = 'Options';

/** Loads a command and describes it. */
export async function describeCommand(command: Command): Promise<CommandDescription> {
  const { name, aliases = [], usage, summary, load } = command;
  const { options, positionals, examples, epilogue } = await load();
  const all: CommandOptions = { ...options, ...GLOBAL_OPTIONS, help: HELP };
  const described = Object.entries(all)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([option, definition]) => describeOption(option, definition));
  return {
    name,
    aliases,
    usage: `lading ${name} ${usage}`.trimEnd(),
    summary,
    arguments: Object.entries(positionals).map(describeArgument),
    options: sortOptions(described),
    examples,
    epilogue,
  };
}

const HELP: CommandOption = { alias: 'h', type: 'boolean', describe: 'Show this help', group: 'Output:' };

function describeArgument([name, { describe, demandOption }]: [
  string,
  PositionalOptions,
]): CommandDescription['arguments'][number] {
  return { name, describe: describe || '', isRequired: demandOption === true };
}

function describeOption(name: string, option: CommandOption): OptionDescription {
  const { alias, type, value, describe, group = OWN_GROUP, choices, demandOption, array } = option;
  const isFlag = type === 'boolean';
  return {
    name,
    alias: typeof alias === 'string' ? alias : undefined,
    value: isFlag ? undefined : (value ?? (type === 'number' ? 'N' : name.replace(/^.*-/, '').toUpperCase())),
    describe: describe || '',
    group: group.replace(/:$/, ''),
    choices: choices?.map(String),
    default:
      option.defaultDescription ??
      (isFlag || option.default === undefined ? undefined : String(option.default)),
    isRequired: demandOption === true,
    isRepeatable: array === true,
    isOnByDefault: isFlag && option.default === true,
  };
}

/** Sorts by group; in the first one, required flags are first. */
function sortOptions(options: readonly OptionDescription[]): OptionDescription[] {
  const own = [...new Set(options.map(({ group }) => group))].filter(
    (group) => group !== OWN_GROUP && !SHARED_GROUPS.includes(group),
  );
  return [OWN_GROUP, ...own, ...SHARED_GROUPS].flatMap((wanted) => {
    const inGroup = options.filter(({ group }) => group === wanted);
    return [
      ...inGroup.filter(({ isRequired }) => isRequired),
      ...inGroup.filter(({ isRequired }) => !isRequired),
    ];
  });
}
