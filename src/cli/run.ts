import yargs, { type Argv } from 'yargs';
import { LadingError } from '../index.js';
import { readVersion } from '../version.js';
import type { CommandModule } from './command.js';
import { exitCodeOf } from './exit-codes.js';
import { GLOBAL_OPTIONS, type GlobalArguments } from './options.js';
import { createOutput } from './output.js';
import { interruptible } from './signals.js';

/** The commands; each is loaded only when it is called. */
const COMMANDS: { command: string; summary: string; load: () => Promise<CommandModule> }[] = [
  {
    command: 'save [IMAGE..]',
    summary: 'Pull images into one archive or layout',
    load: async () => (await import('./save.js')).saveCommand,
  },
  {
    command: 'load DEST [IMAGE..]',
    summary: 'Push the images of an archive or layout into a registry',
    load: async () => (await import('./load.js')).loadCommand,
  },
  {
    command: 'copy SRC DST',
    summary: 'Copy images from any store to any other',
    load: async () => (await import('./copy.js')).copyCommand,
  },
  {
    command: 'convert SRC [REF]',
    summary: 'Turn images into another manifest format, offline',
    load: async () => (await import('./convert.js')).convertCommand,
  },
  {
    command: 'serve [PATH..]',
    summary: 'Be a registry over archives or layouts, in place',
    load: async () => (await import('./serve.js')).serveCommand,
  },
  {
    command: 'verify PATH',
    summary: 'Check everything in an archive or layout, offline',
    load: async () => (await import('./verify.js')).verifyCommand,
  },
  {
    command: 'inspect SOURCE [REF]',
    summary: 'Show images, platforms, layers, sizes, history and config',
    load: async () => (await import('./inspect.js')).inspectCommand,
  },
  {
    command: 'ls SOURCE',
    summary: 'List the images of an archive, the tags of a repository, the repositories of a registry',
    load: async () => (await import('./list.js')).listCommand,
  },
];

/** Runs one command line and sets the exit code of the process. */
export async function run(args: string[]): Promise<void> {
  const outputOf = ({
    json,
    quiet,
    verbose,
  }: Pick<GlobalArguments, 'json' | 'quiet' | 'verbose'>): ReturnType<typeof createOutput> =>
    createOutput({ json, quiet, verbose, stdout: process.stdout, stderr: process.stderr });
  try {
    await parserFor(args, async (module, argv) => {
      const output = outputOf(argv);
      process.exitCode = await interruptible(async (signal) => {
        try {
          return await module.run(argv, { output, signal });
        } catch (error) {
          const reported = signal.aborted ? signal.reason : error;
          output.error(reported);
          return exitCodeOf(reported);
        }
      });
    }).parseAsync();
  } catch (error) {
    // yargs tells some mistakes by an error of its own: a flag at the end without its value.
    const reported = error instanceof Error && error.name === 'YError' ? misuse(error.message, args) : error;
    outputOf({ json: args.includes('--json'), quiet: false, verbose: args.includes('--verbose') }).error(
      reported,
    );
    process.exitCode = exitCodeOf(reported);
  }
}

function parserFor(
  args: string[],
  execute: (module: CommandModule, argv: GlobalArguments) => Promise<void>,
): Argv {
  const parser = yargs(args)
    .scriptName('lading')
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
      throw error ?? misuse(message, args);
    });
  keepNoHelp(parser);
  for (const { command, summary, load } of COMMANDS) {
    let module: CommandModule;
    parser.command(
      command,
      summary,
      async (inner) => {
        module = await load();
        return module.describe(inner.options(module.options));
      },
      // yargs has parsed by the options of the command, which hold the global ones.
      (argv) => execute(module, argv as unknown as GlobalArguments),
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

function commandIn(args: string[]): string {
  const name = args.find((argument) => COMMANDS.some(({ command }) => command.split(' ')[0] === argument));
  return name === undefined ? '' : `${name} `;
}
