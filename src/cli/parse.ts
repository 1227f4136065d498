import yargs, { type Argv } from 'yargs';
import { LadingError } from '../index.js';
import { readVersion } from '../version.js';
import type { CommandModule } from './command.js';
import { COMMANDS } from './commands.js';
import { describeMissing } from './missing.js';
import { GLOBAL_OPTIONS, type GlobalArguments } from './options.js';

/** A command and its arguments. */
export interface Call {
  name: string;
  module: CommandModule;
  argv: GlobalArguments;
}

/** Parses a command line. For help and the version, prints them and exits the process. Throws `USAGE`. */
export async function parse(args: string[]): Promise<Call> {
  const complaints: string[] = [];
  let call: Call | undefined;
  const parser = createParser(withoutSeparator(args), complaints, (called) => {
    call = called;
  });
  try {
    await parser.parseAsync();
  } catch (error) {
    // yargs throws its own error for some mistakes, such as a flag without a value at the end.
    throw error instanceof Error && error.name === 'YError' ? misuse(error.message, args) : error;
  }
  // Wrong arguments are reported before missing ones: a mistyped flag may be the one that is missing.
  const complaint = complaints.find((text) => !MISSING.test(text)) ?? complaints[0];
  if (call === undefined) throw misuse(complaint ?? 'no command was given', args);
  if (complaint !== undefined) {
    const missing = describeMissing(call.name, call.module, call.argv);
    throw misuse(MISSING.test(complaint) ? missing : complaint, args);
  }
  requireSingle(call, args);
  return call;
}

/** Removes `--`, because yargs would put the arguments after it elsewhere. */
function withoutSeparator(args: string[]): string[] {
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

/** Throws `USAGE` if a flag for one value is given twice, of which yargs makes an array. */
function requireSingle({ module, argv }: Call, args: string[]): void {
  const given = new Map<string, unknown>(Object.entries(argv));
  for (const [name, option] of Object.entries(module.options)) {
    if (option.array !== true && Array.isArray(given.get(name)))
      throw misuse(`--${name} was given more than once`, args);
  }
}

/** Messages of yargs about missing arguments. */
const MISSING = /^(Not enough non-option arguments|Missing required argument)/;

function createParser(args: string[], complaints: string[], onCall: (call: Call) => void): Argv {
  const parser = yargs(args)
    .scriptName('lading')
    .parserConfiguration({ 'camel-case-expansion': false }) // otherwise it reports a mistyped flag twice
    .locale('en') // its messages are matched by their English text
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
      complaints.push(message); // yargs then continues and reports further mistakes
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
      // yargs has parsed with the command's options, which include the global ones.
      (argv) => onCall({ name: nameOf(command), module, argv: argv as unknown as GlobalArguments }),
    );
  }
  return parser;
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
