import { COMMANDS } from './commands.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import type { CommandFlags } from './hints.js';
import type { GlobalArguments } from './options.js';
import { createOutput } from './output.js';
import { type Call, parse } from './parse.js';
import { interruptible } from './signals.js';
import type { StandardStreams } from './standard-streams.js';

/** Runs a command line and sets the exit code of the process. */
export async function run(args: string[], streams: StandardStreams): Promise<void> {
  if (args[0] === '--get-yargs-completions') return complete(args.slice(2));
  try {
    process.exitCode = await execute(await parse(args), streams);
  } catch (error) {
    const progress = wantsJSONLines(args) ? ('json' as const) : ('auto' as const);
    const flags = {
      json: args.includes('--json'),
      quiet: false,
      verbose: args.includes('--verbose'),
      progress,
    };
    outputOf(flags).error(error);
    process.exitCode = exitCodeOf(error);
  }
}

/** True if standard error should be JSON. The command line may be invalid, so this only looks for the flag. */
function wantsJSONLines(args: readonly string[]): boolean {
  const [, given = process.env.LADING_PROGRESS] = /(?:^| )--progress[ =](\w+)/.exec(args.join(' ')) ?? [];
  return given === 'json';
}

/** Answers the script of the shell. */
async function complete(words: readonly string[]): Promise<void> {
  const { completionsOf, formatCompletions } = await import('./completion.js');
  process.stdout.write(formatCompletions(await completionsOf(words, COMMANDS), process.env.SHELL ?? ''));
}

function execute({ module, argv, settings }: Call, streams: StandardStreams): Promise<number> {
  const output = outputOf(argv, module.options);
  return interruptible(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, streams.signal]);
    for (const warning of settings.warnings) output.warning(warning);
    try {
      return await module.run(argv, { output, signal, streams, commands: COMMANDS, settings });
    } catch (error) {
      if (streams.signal.aborted) return EXIT.failed; // reported when the process exits
      const reported = signal.aborted ? signal.reason : error;
      output.error(reported);
      return exitCodeOf(reported);
    }
  });
}

function outputOf(
  { json, quiet, verbose, progress }: Pick<GlobalArguments, 'json' | 'quiet' | 'verbose' | 'progress'>,
  flags?: CommandFlags,
): ReturnType<typeof createOutput> {
  const jsonLines = progress === 'json';
  const { stdout, stderr } = process;
  return createOutput({ json, quiet, verbose, jsonLines, flags, stdout, stderr });
}
