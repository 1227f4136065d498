import { exitCodeOf } from './exit-codes.js';
import type { GlobalArguments } from './options.js';
import { createOutput } from './output.js';
import { type Call, parse } from './parse.js';
import { interruptible } from './signals.js';

/** Runs one command line and sets the exit code of the process. */
export async function run(args: string[]): Promise<void> {
  try {
    process.exitCode = await execute(await parse(args));
  } catch (error) {
    const progress = /(^| )--progress[ =]json( |$)/.test(args.join(' '))
      ? ('json' as const)
      : ('auto' as const);
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

function execute({ module, argv }: Call): Promise<number> {
  const output = outputOf(argv);
  return interruptible(async (signal) => {
    try {
      return await module.run(argv, { output, signal });
    } catch (error) {
      const reported = signal.aborted ? signal.reason : error;
      output.error(reported);
      return exitCodeOf(reported);
    }
  });
}

function outputOf({
  json,
  quiet,
  verbose,
  progress,
}: Pick<GlobalArguments, 'json' | 'quiet' | 'verbose' | 'progress'>): ReturnType<typeof createOutput> {
  const jsonLines = progress === 'json';
  return createOutput({ json, quiet, verbose, jsonLines, stdout: process.stdout, stderr: process.stderr });
}
