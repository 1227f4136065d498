import yargs, { type Argv } from 'yargs';
import { LadingError } from '../index.js';
import { readVersion } from '../version.js';
import type { CommandModule } from './command.js';
import { COMMANDS } from './commands.js';
import { describeMissing } from './missing.js';
import { GLOBAL_OPTIONS, type GlobalArguments } from './options.js';

/** A command that was called, and what with. */
export interface Call {
  name: string;
  module: CommandModule;
  argv: GlobalArguments;
}

/** Reads a command line; what asks for help or the version is answered, and ends the process. Rejects with `USAGE`. */
export async function parse(args: string[]): Promise<Call> {
  const complaints: string[] = [];
  let call: Call | undefined;
  const parser = createParser(withoutSeparator(args), complaints, (called) => {
    call = called;
  });
  try {
    await parser.parseAsync();
  } catch (error) {
    // yargs tells some mistakes by an error of its own: a flag at the end without its value.
    throw error instanceof Error && error.name === 'YError' ? misuse(error.message, args) : error;
  }
  // What is there and wrong comes first: a mistyped flag may be the one that is missing.
  const complaint = complaints.find((text) => !MISSING.test(text)) ?? complaints[0];
  if (call === undefined) throw misuse(complaint ?? 'no command was given', args);
  if (complaint !== undefined) {
    const missing = describeMissing(call.name, call.module, call.argv);
    throw misuse(MISSING.test(complaint) ? missing : complaint, args);
  }
  requireSingle(call, args);
  return call;
}

/** What follows `--` are arguments: yargs would keep them apart, where no command looks. */
function withoutSeparator(args: string[]): string[] {
  const separator = args.indexOf('--');
  if (separator === -1) return args;
  const following = args.slice(separator + 1);
  const likeFlag = following.find((argument) => /^-./.test(argument));
  if (likeFlag !== undefined)
    throw new LadingError('USAGE', `"${likeFlag}" is taken for a flag, after -- too`, {
      hint: `If it is a file, write ./${likeFlag}.`,
    });
  return [...args.slice(0, separator), ...following];
}

/** A flag that takes one value and was given two: yargs makes a list of them. */
function requireSingle({ module, argv }: Call, args: string[]): void {
  const given = new Map<string, unknown>(Object.entries(argv));
  for (const [name, option] of Object.entries(module.options)) {
    if (option.array !== true && Array.isArray(given.get(name)))
      throw misuse(`--${name} was given more than once`, args);
  }
}

/** What yargs says of arguments that are not there. */
const MISSING = /^(Not enough non-option arguments|Missing required argument)/;

function createParser(args: string[], complaints: string[], onCall: (call: Call) => void): Argv {
  const parser = yargs(args)
    .scriptName('lading')
    .parserConfiguration({ 'camel-case-expansion': false }) // else it complains of a mistyped flag twice
    .locale('en') // its complaints are told apart by their words
    .usage('$0 COMMAND\n\nCarry container images across an air gap, with every digest kept.')
    .options(GLOBAL_OPTIONS)
    .config('config', 'A JSON file of flags and their values')
    .group('config', 'Output:')
    .completion('completion', 'Print a script that completes commands and flags in the shell')
    .version(readVersion())
    .help()
    .alias('help', 'h')
    .demandCommand(1, 'no command was given')
    .recommendCommands()
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      if (error) throw error;
      complaints.push(message); // yargs then goes on, and finds the others
    });
  keepNoHelp(parser);
  for (const { command, summary, load } of COMMANDS) {
    let module: CommandModule;
    parser.command(
      command,
      summary,
      async (inner) => {
        module = await load();
        inner.options(module.options);
        for (const [name, positional] of Object.entries(module.positionals))
          inner.positional(name, positional);
        return module.describe(inner);
      },
      // yargs has parsed by the options of the command, which hold the global ones.
      (argv) => onCall({ name: nameOf(command), module, argv: argv as unknown as GlobalArguments }),
    );
  }
  return parser;
}

/**
 * yargs lays out the help of every command that it calls, for who may ask for it afterwards. Nobody does, and it takes
 * 13 ms. There is no public way to say so; without this one it is only slower.
 */
function keepNoHelp(parser: Argv): void {
  const internals = (parser as Internals).getInternalMethods?.();
  const usage = internals?.getUsageInstance?.();
  if (usage?.cacheHelpMessage !== undefined) usage.cacheHelpMessage = () => undefined;
}

/** What yargs' types leave out. */
interface Internals {
  getInternalMethods?(): { getUsageInstance?(): { cacheHelpMessage?: () => void } };
}

/** What yargs has against a command line, in one line. */
function misuse(message: string, args: string[]): LadingError {
  return new LadingError('USAGE', message.replace(/\s*\n\s*/g, ' '), {
    hint: `lading ${commandIn(args)}--help shows what there is.`,
  });
}

function nameOf(command: string): string {
  return command.split(' ')[0] ?? command;
}

function commandIn(args: string[]): string {
  const name = args.find((argument) => COMMANDS.some(({ command }) => nameOf(command) === argument));
  return name === undefined ? '' : `${name} `;
}
