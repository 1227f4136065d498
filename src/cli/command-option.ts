import type { Options } from 'yargs';

/** A flag, as yargs defines it. */
export interface CommandOption extends Options {
  /** The name of its value in the help, such as `FILE`; default: by its type. */
  value?: string;
  /** The value of the flag if it is given without one: then a value follows only behind `=`. */
  bareValue?: string;
  /**
   * Set if other flags of this name mean something else: neither a variable nor a setting for all commands is for it, only
   * the command's own section of the configuration.
   */
  isOwn?: true;
}

export type CommandOptions = Readonly<Record<string, CommandOption>>;
