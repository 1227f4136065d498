import yargs, { type Argv } from 'yargs';
import { isLadingError, LadingError } from '../index.js';
import { type Line, readLine } from './arguments.js';
import type { Command, CommandModule } from './command.js';
import { findCommand } from './commands.js';
import type { EffectiveSettings, Setting } from './effective-settings.js';
import { loadSettings } from './load-settings.js';
import { describeMissing } from './missing.js';
import { type CommandOptions, GLOBAL_OPTIONS, type GlobalArguments } from './options.js';

/** A command and its arguments. */
export interface Call {
  name: string;
  module: CommandModule;
  argv: GlobalArguments;
  settings: EffectiveSettings;
}

/** Parses a command line. Throws `USAGE`. */
export async function parse(args: readonly string[]): Promise<Call> {
  const { word, rest } = findWord(withoutSeparator(args));
  const command = word === undefined ? undefined : await commandOf(word);
  if (rest.some((argument) => argument === '--help' || argument === '-h')) {
    const isHelp = command?.name === 'help';
    const topics = isHelp
      ? rest.filter((argument) => !argument.startsWith('-'))
      : [command?.name ?? []].flat();
    return parseFor(await commandOf('help'), [
      ...topics,
      ...rest.filter((argument) => argument === '--json'),
    ]);
  }
  if (command !== undefined) return parseFor(command, rest);
  if (/^(--version|-V|-v)$/.test(rest[0] ?? '')) return parseFor(await commandOf('version'), rest.slice(1));
  const { unknown } = readLine(rest, GLOBAL_OPTIONS);
  if (unknown.length > 0) throw await unknownFlags(unknown, undefined, GLOBAL_OPTIONS);
  throw new LadingError('USAGE', 'no command was given', { hint: advice() });
}

/** Removes `--`, because yargs would put the arguments after it elsewhere. */
function withoutSeparator(args: readonly string[]): readonly string[] {
  const separator = args.indexOf('--');
  if (separator === -1) return args;
  const following = args.slice(separator + 1);
  const likeFlag = following.find((argument) => /^-./.test(argument));
  if (likeFlag !== undefined)
    throw new LadingError('USAGE', `"${likeFlag}" is taken for a flag, even after --`, {
      hint: `If it is a file, write ./${likeFlag}.`,
    });
  return [...args.slice(0, separator), ...following];
}

/**
 * Finds the command: the first argument that is neither a flag nor the value of one that all commands have. If that is
 * no command, and behind a flag, it may be the value of that flag: then the next argument that is a command is taken.
 */
function findWord(args: readonly string[]): { word: string | undefined; rest: readonly string[] } {
  const places: number[] = [];
  for (let place = 0; place < args.length; place++) {
    const argument = args[place] ?? '';
    const option = Object.entries(GLOBAL_OPTIONS).find(([name]) => argument === `--${name}`)?.[1];
    if (option !== undefined && !('type' in option && option.type === 'boolean')) place++;
    else if (!argument.startsWith('-')) places.push(place);
  }
  const [first = -1] = places;
  const isBehindFlag = args[first - 1]?.startsWith('-') === true;
  const isCommand = (place: number): boolean => findCommand(args[place] ?? '') !== undefined;
  const chosen = isCommand(first) || !isBehindFlag ? first : (places.find(isCommand) ?? first);
  return { word: args[chosen], rest: args.filter((_, place) => place !== chosen) };
}

async function commandOf(word: string): Promise<Command> {
  const command = findCommand(word);
  if (command !== undefined) return command;
  throw (await import('./unknown-words.js')).describeUnknownCommand(word);
}

async function parseFor(command: Command, args: readonly string[]): Promise<Call> {
  const module = await command.load();
  const options = { ...module.options, ...GLOBAL_OPTIONS };
  const { args: read, given, unknown } = readLineOf(command, args, options);
  if (unknown.length > 0) {
    const asArgument = unknown.find((flag) => Object.hasOwn(module.positionals, flag.slice(2)));
    if (asArgument !== undefined)
      throw misuse(`${command.name} takes ${asArgument.slice(2)} as an argument, not as a flag`, command);
    throw await unknownFlags(unknown, command, options);
  }
  const settings = await loadSettings(command, options, { given, config: valueIn('--config', read) });
  const complaints: string[] = [];
  let argv: GlobalArguments | undefined;
  try {
    const words = read.map((argument) => (argument === '-' ? DASH : argument));
    await createParser([command.name, ...words, ...settings.settings.flatMap(argumentsOf)], command, module, {
      onProblem: (message) => complaints.push(message), // yargs then continues and reports further mistakes
      onParsed: (parsed) => {
        argv = parsed;
      },
    }).parseAsync();
  } catch (error) {
    // yargs throws its own error for some mistakes.
    throw error instanceof Error && error.name === 'YError' ? misuse(error.message, command) : error;
  }
  // Arguments that are too many are reported before missing ones.
  const complaint = complaints.find((text) => !MISSING.test(text)) ?? complaints[0];
  if (complaint !== undefined || argv === undefined) {
    const isMissing = complaint === undefined || MISSING.test(complaint);
    throw misuse(
      isMissing ? describeMissing(command.name, module, argv ?? {}) : superfluous(complaint, command),
      command,
    );
  }
  const restored = { ...argv, ...dashesOf(argv, module) };
  return { name: command.name, module, argv: { ...restored, registries: settings.registries }, settings };
}

async function unknownFlags(
  unknown: readonly string[],
  command: Command | undefined,
  options: CommandOptions,
): Promise<LadingError> {
  return (await import('./unknown-words.js')).describeUnknownFlags(unknown, command, options);
}

/** Reads a line; errors without a hint advise to read the help. */
function readLineOf(command: Command, args: readonly string[], options: CommandOptions): Line {
  try {
    return readLine(args, options);
  } catch (error) {
    throw isLadingError(error) && error.hint === undefined ? misuse(error.message, command) : error;
  }
}

function argumentsOf({ name, values }: Setting): string[] {
  return values.map((value) => `--${name}=${value}`);
}

function valueIn(flag: string, args: readonly string[]): string | undefined {
  return args.find((argument) => argument.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

/** Stands for an argument `-` (standard input), which yargs drops. No argument can have a NUL. */
const DASH = '\0-';

/** Returns the arguments as they were given. */
function dashesOf(argv: GlobalArguments, { positionals }: CommandModule): Record<string, unknown> {
  const restored = (value: unknown): unknown => (value === DASH ? '-' : value);
  return Object.fromEntries(
    Object.entries(argv)
      .filter(([name]) => Object.hasOwn(positionals, name))
      .map(([name, value]) => [name, Array.isArray(value) ? value.map(restored) : restored(value)]),
  );
}

/** Messages of yargs about missing arguments. */
const MISSING = /^(Not enough non-option arguments|Missing required argument)/;

/** Returns the message for arguments of which there are too many. */
function superfluous(complaint: string, { name, usage }: Command): string {
  const [, words] = /^Unknown (?:argument|command)s?: (.*)$/s.exec(complaint) ?? [];
  if (words === undefined) return complaint;
  return usage === ''
    ? `${name} takes no arguments, and there is "${words}"`
    : `too many arguments: "${words}" is left over`;
}

interface ParserEvents {
  onProblem: (message: string) => void;
  onParsed: (argv: GlobalArguments) => void;
}

function createParser(
  args: string[],
  command: Command,
  module: CommandModule,
  { onProblem, onParsed }: ParserEvents,
): Argv {
  const parser = yargs(args)
    .scriptName('lading')
    .parserConfiguration({ 'camel-case-expansion': false }) // otherwise it reports a mistake twice
    .locale('en') // its messages are matched by their English text
    .options(GLOBAL_OPTIONS)
    .version(false)
    .help(false)
    .strict()
    .fail((message, error) => {
      if (error) throw error;
      onProblem(message);
    });
  keepNoHelp(parser);
  return parser.command(
    `${command.name} ${command.positionals}`.trimEnd(),
    command.summary,
    (inner) => {
      inner.options(module.options);
      for (const [name, positional] of Object.entries(module.positionals)) inner.positional(name, positional);
      return inner;
    },
    // yargs has parsed with the command's options, which include the global ones.
    (argv) => onParsed(argv as unknown as GlobalArguments),
  );
}

/**
 * Prevents yargs from formatting the help of each command that it runs, which takes 13 ms and is not used. There is no
 * public API for this; without the internal one, lading is only slower.
 */
function keepNoHelp(parser: Argv): void {
  const internals = (parser as Internals).getInternalMethods?.();
  const usage = internals?.getUsageInstance?.();
  if (usage?.cacheHelpMessage !== undefined) usage.cacheHelpMessage = () => undefined;
}

/** Internals that yargs' types do not declare. */
interface Internals {
  getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage?: () => void } };
}

/** Returns an error with yargs' message in one line. */
function misuse(message: string, command: Command): LadingError {
  return new LadingError('USAGE', message.replace(/\s*\n\s*/g, ' '), { hint: advice(command) });
}

/** The hint for a mistake that has no better one. */
function advice(command?: Command): string {
  return `lading ${command === undefined ? '' : `${command.name} `}--help shows what there is.`;
}
