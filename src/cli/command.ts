import type { Argv, Options, PositionalOptions } from 'yargs';
import type { GlobalArguments } from './options.js';
import type { Output } from './output.js';
import type { StandardStreams } from './standard-streams.js';

/** One command: its words and flags, and what it does with them. */
export interface CommandModule {
  options: Record<string, Options>;
  positionals: Record<string, PositionalOptions>;
  /** Examples, and what else yargs shows. */
  describe(yargs: Argv): Argv;
  /** Resolves with the exit code. */
  run(argv: GlobalArguments, context: CommandContext): Promise<number>;
}

export interface CommandContext {
  output: Output;
  /** Aborted by Ctrl-C and by a request to terminate. */
  signal: AbortSignal;
  streams: StandardStreams;
}
