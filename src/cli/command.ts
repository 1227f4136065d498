import type { Argv, Options, PositionalOptions } from 'yargs';
import type { GlobalArguments } from './options.js';
import type { Output } from './output.js';
import type { StandardStreams } from './standard-streams.js';

/** A command: its arguments and flags, and the function that runs it. */
export interface CommandModule {
  options: Record<string, Options>;
  positionals: Record<string, PositionalOptions>;
  /** Adds examples and other text to the help. */
  describe(yargs: Argv): Argv;
  /** Runs the command and resolves with the exit code. */
  run(argv: GlobalArguments, context: CommandContext): Promise<number>;
}

export interface CommandContext {
  output: Output;
  /** Aborted by SIGINT (Ctrl-C) and SIGTERM. */
  signal: AbortSignal;
  streams: StandardStreams;
}
