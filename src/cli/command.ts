import type { PositionalOptions } from 'yargs';
import type { EffectiveSettings } from './effective-settings.js';
import type { CommandOptions, GlobalArguments } from './options.js';
import type { Output } from './output.js';
import type { StandardStreams } from './standard-streams.js';

/** A command, as far as it is known without loading it. */
export interface Command {
  name: string;
  /** Other names, which people know from other tools. */
  aliases?: readonly string[];
  /** The arguments, as yargs writes them. */
  positionals: string;
  /** The arguments and the required flags, as the help shows them after the name. */
  usage: string;
  summary: string;
  /** Whether the environment and the configuration have settings for it; default true. */
  readsSettings?: false;
  load: () => Promise<CommandModule>;
}

/** True if the command has this name or alias. */
export function isCalled({ name, aliases = [] }: Command, word: string | undefined): boolean {
  return word !== undefined && (name === word || aliases.includes(word));
}

/** The arguments and flags of a command, and the function that runs it. Its help is made from them. */
export interface CommandModule {
  options: CommandOptions;
  positionals: Record<string, PositionalOptions>;
  /** The most frequent use is first. */
  examples: readonly Example[];
  /** Text that the help shows after the flags. */
  epilogue?: string;
  /** Runs the command and resolves with the exit code. */
  run(argv: GlobalArguments, context: CommandContext): Promise<number>;
}

/** A use of a command, for its help. */
export interface Example {
  /** The whole command line. */
  line: string;
  summary: string;
}

/** What a command runs with. */
export interface CommandContext {
  output: Output;
  /** Aborted by SIGINT (Ctrl-C) and SIGTERM. */
  signal: AbortSignal;
  streams: StandardStreams;
  /** All commands, for those that describe the program itself. */
  commands: readonly Command[];
  /** The flags that were given, and the settings of the others. */
  settings: EffectiveSettings;
}
